// From tarball to prediction: everything is published into a registry of its own and installed from there into empty
// folders with an empty cache, as somebody would who has never seen the clone.
//   npm run test:install                  all of it
//   npm run test:install -- --prebuilt    without compiling: the addon of this checkout, as platform package, from the start
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "./exec.mjs";
import { packagesAlone } from "./install/alone.mjs";
import { typescriptConsumer } from "./install/consumer.mjs";
import { lintPackages } from "./install/lint.mjs";
import { newMachine, say } from "./install/machine.mjs";
import { nodes } from "./install/nodes.mjs";
import { platformPackage } from "./install/platform.mjs";
import { wholeProduct } from "./install/product.mjs";
import { publish, startRegistry } from "./install/registry.mjs";
import { makePlatformRelease, makeRelease } from "./release.mjs";

const prebuilt = process.argv.includes("--prebuilt");
const times = [];

async function phase(name, work) {
  say(`\n${name}`);
  const started = performance.now();
  const result = await work();
  times.push([name, (performance.now() - started) / 1000]);
  return result;
}

async function everything(registry, out) {
  const folders = await phase("packages", async () => {
    const made = [...(await makeRelease(out)), makePlatformRelease(out)];
    await lintPackages(made, say);
    return made;
  });
  const platform = folders.at(-1);
  await phase("publishing", () => publish(prebuilt ? folders : folders.slice(0, -1), registry.npmrc));
  const machine = newMachine(registry.npmrc);
  try {
    const how = prebuilt ? "took the prebuilt torch addon" : "built the torch addon";
    const product = await phase("the product, from an empty folder", () => wholeProduct(machine, how));
    await phase("a TypeScript program that uses it", () => typescriptConsumer(machine, product));
    if (!prebuilt) publish([platform], registry.npmrc);
    await phase("the platform package, without a compiler", () => platformPackage(machine));
    await phase("packages alone", () => packagesAlone(machine, product));
    await phase("other releases of Node.js", () => nodes(machine));
  } finally {
    if (process.env.KEEP === undefined) machine.remove();
    else say(`kept: ${machine.scratch}`);
  }
}

if (spawnSync("npm", ["ping"], { cwd: root, stdio: "ignore" }).status !== 0) {
  say("test:install: skipped, because npm's registry cannot be reached (npm ping)");
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "registry-"));
const registry = await startRegistry(folder);
process.once("exit", () => registry.stop());
try {
  await everything(registry, join(folder, "release"));
  say("");
  for (const [name, seconds] of times) say(`${name.padEnd(44)}${seconds.toFixed(0).padStart(5)} s`);
} catch (error) {
  process.stderr.write(`test:install: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  registry.stop();
  rmSync(folder, { recursive: true, force: true });
}
