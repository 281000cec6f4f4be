import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

const probe = fileURLToPath(new URL("../../test/ending-probe.ts", import.meta.url));

function run(...args: string[]): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["--conditions=classifier-source", "--import", "tsx", probe, ...args], {
    encoding: "utf8",
  });
}

test("workers that end in the middle of torch calls, hooks and errors end alone", () => {
  const { status, signal, stdout, stderr } = run();
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  const three = (code: number) => [code, code, code];
  expect(JSON.parse(stdout)).toEqual({
    calls: three(1),
    errors: three(1),
    hooks: three(1),
    functions: three(1),
    "hooks that exit": three(7),
    "functions that exit": three(7),
  });
});

test.each(["hooks", "functions"])("process.exit in a backward pass (%s) ends the process with its code", (name) => {
  const { status, signal, stderr } = run("exit", name);
  expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: "" });
});
