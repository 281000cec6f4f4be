import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The TypeScript examples of the README, by the heading that they stand under. */
const examples = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^## (.+)$|^```ts\n([\s\S]*?)^```$/gm)]
  .reduce<{ heading: string; code: string }[]>((found, [, heading, code = ""]) => {
    if (heading !== undefined) found.push({ heading, code: "" });
    else if (found.length > 0) found[found.length - 1]!.code += code;
    return found;
  }, [])
  .filter(({ code }) => code !== "");

/** Runs an example as a user's file would run: in a folder of its own, from which the package is found by its name. */
function run(code: string) {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "readme-"));
  try {
    writeFileSync(join(folder, "example.ts"), code);
    const args = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), "example.ts"];
    return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the README has examples", () => {
  expect(examples.map(({ heading }) => heading)).toEqual(
    expect.arrayContaining(["A training loop", "Any operator of LibTorch", "Functions of your own"]),
  );
});

test.each(examples)("the example under '$heading' runs", ({ heading, code }) => {
  const { status, stdout, stderr } = run(code);
  expect(stderr).not.toMatch(/Error/);
  expect(status).toBe(0);
  if (heading !== "A training loop") return;
  const losses = stdout
    .trim()
    .split("\n")
    .map((line) => Number(line.split(" ")[1]));
  expect(losses).toHaveLength(10);
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
});
