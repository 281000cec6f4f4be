import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const program = `
  const { ops } = await import("@classifier-training/torch");
  process.stdout.write(ops.ct.kernel_set());
`;

function kernelSet(wanted: string): { set: string; warnings: string } {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ["--conditions=classifier-source", "--import", "tsx", "--input-type=module", "--eval", program],
    { cwd: import.meta.dirname, encoding: "utf8", env: { ...process.env, CT_KERNELS: wanted } },
  );
  return { set: stdout, warnings: stderr };
}

test("kernels that are not there are warned about, and the fastest ones used", () => {
  expect(kernelSet("baseline")).toEqual({ set: "baseline", warnings: "" });
  const { set, warnings } = kernelSet("avx1024");
  expect(warnings).toMatch(/CT_KERNELS=avx1024: this processor and this build have no such kernels, only .*baseline;/);
  expect(warnings).toContain(`only ${set}`);
  expect(warnings).toContain(`using ${set}`);
});
