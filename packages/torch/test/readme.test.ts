import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { distributed } from "../src/index.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The TypeScript examples of the README, by the heading that they stand under. */
const examples = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^## (.+)$|^```ts\n([\s\S]*?)^```$/gm)]
  .reduce<{ heading: string; code: string }[]>((found, [, heading, code = ""]) => {
    if (heading !== undefined) found.push({ heading, code: "" });
    else if (found.length > 0) found[found.length - 1]!.code += code;
    return found;
  }, [])
  .filter(({ code }) => code !== "");

function freePort(): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(String(port)));
    });
  });
}

/** Runs an example as a user's file would run: in a folder of its own, from which the package is found by its name. */
async function run(code: string) {
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "readme-"));
  try {
    writeFileSync(join(folder, "example.ts"), code);
    const args = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), "example.ts"];
    // What the one of "Several processes" needs: a group of one.
    const group = {
      RANK: "0",
      LOCAL_RANK: "0",
      WORLD_SIZE: "1",
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: await freePort(),
    };
    return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env: { ...process.env, ...group } });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the README has examples", () => {
  expect(examples.map(({ heading }) => heading)).toEqual(
    expect.arrayContaining(["A training loop", "Any operator of LibTorch", "Custom functions"]),
  );
});

test.for(examples)("the example under '$heading' runs", async ({ heading, code }, { skip }) => {
  skip(heading === "Several processes" && !distributed.isAvailable(), "this LibTorch was built without gloo");
  const { status, stdout, stderr } = await run(code);
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
