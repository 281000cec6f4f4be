import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 });

const grid = fileURLToPath(new URL("../../native/memory/grid.mjs", import.meta.url));

// What one processor would take by itself, any can be made to take (CT_KERNELS, CT_AMX), in a process of its own.
test.each([
  { kernels: "baseline", amx: "0" },
  { kernels: "avx2", amx: "0" },
  { kernels: "avx2", amx: "1" },
  { kernels: "avx512", amx: "0" },
  { kernels: "avx512bf16", amx: "0" },
  { kernels: "avx512bf16", amx: "1" },
])("convolutions equal float64's over a grid of geometries ($kernels kernels, matrix instructions: $amx)", (way) => {
  const { stdout, stderr, signal } = spawnSync(process.execPath, [grid, "7"], {
    encoding: "utf8",
    env: { ...process.env, CT_KERNELS: way.kernels, CT_AMX: way.amx },
  });
  expect(signal, stderr).toBe(null);
  const result = JSON.parse(stdout) as { kernels: string; compared: number; wrong: unknown[] };
  expect(result.wrong).toEqual([]);
  expect(result.compared).toBeGreaterThan(1500);
  if (result.kernels !== way.kernels) expect(stderr).toContain("this processor and this build have no such kernels");
});
