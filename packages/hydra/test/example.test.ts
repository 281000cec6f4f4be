// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const app = fileURLToPath(new URL("../examples/my-app/app.ts", import.meta.url));

function run(...argv: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "hydra-example-"));
  try {
    const args = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), app, ...argv];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    return { status, stdout: stdout.replaceAll(folder, "DIR"), stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the example of the README runs", () => {
  const { status, stdout } = run("db=sqlite", "model.width=64", "hydra.run.dir=out");
  expect(status).toBe(0);
  expect(stdout).toContain("message: ${model.name} on ${db.driver}\n");
  expect(stdout).toMatch(/built \{"kind":"model","width":64,"name":"small-64"\} in .*out\n$/);
});

test("the example refuses what its schema refuses, with the key and the type", () => {
  const { status, stderr } = run("model.width=wide");
  expect(status).toBe(1);
  expect(stderr).toContain("the value 'wide' cannot be converted to int");
  expect(stderr).toContain("model.width");
});
