import { spawnSync } from "node:child_process";
import { expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 });

const program = `
  const { fused, ops } = await import("@classifier-training/torch");
  process.stdout.write(JSON.stringify({ set: ops.ct.kernel_set(), bfloat16: fused.multipliesBfloat16() }));
`;

function kernelSet(wanted: string): { set: string; bfloat16: boolean; warnings: string } {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=classifier-source", "--import", "tsx", "--input-type=module", "--eval", program],
    { cwd: import.meta.dirname, encoding: "utf8", env: { ...process.env, CT_KERNELS: wanted } },
  );
  return { ...JSON.parse(stdout), warnings: stderr };
}

test("kernels that are not there are warned about, and the fastest ones used", () => {
  expect(kernelSet("baseline")).toEqual({ set: "baseline", bfloat16: false, warnings: "" });
  const { set, bfloat16, warnings } = kernelSet("avx1024");
  expect(warnings).toMatch(/CT_KERNELS=avx1024: expected one of the kernels of this processor and build, .*baseline;/);
  expect(warnings).toContain(`build, ${set}`);
  expect(warnings).toContain(`using ${set}`);
  expect(bfloat16).toBe(set === "avx512bf16");
});
