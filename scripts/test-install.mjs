// From tarball to prediction: everything is published into a registry of its own and installed from there into empty
// folders with an empty cache, as somebody would who has never seen the clone. `npm run test:install`.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { lintPackages } from "./install/lint.mjs";
import { publish, startRegistry } from "./install/registry.mjs";
import { makeRelease } from "./release.mjs";

const scratch = mkdtempSync(join(tmpdir(), "classifier install "));
const home = join(scratch, "home");
const say = (text) => process.stdout.write(`${text}\n`);

/** What a new user's shell has: nothing of this clone, caches that are empty. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS|CT_|XDG_|CLASSIFIER_)/i.test(name)),
);
Object.assign(env, { HOME: home, XDG_CACHE_HOME: join(home, ".cache"), OMP_NUM_THREADS: "1", CI: "true" });
// Its script fetches files of CUDA from another host.
env.ONNXRUNTIME_NODE_INSTALL = "skip";

function run(cwd, command, { expected = 0, more = {} } = {}) {
  const [program, ...args] = command;
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: { ...env, ...more },
    encoding: "utf8",
  });
  const seconds = (performance.now() - started) / 1000;
  assert.equal(status, expected, `${command.join(" ")} ended with ${status}\n${error ?? ""}${stdout}${stderr}`);
  say(`  ${seconds.toFixed(1).padStart(6)} s  ${command.join(" ").slice(0, 100)}`);
  return { stdout, stderr };
}

/** An empty npm project in a folder whose name has what folder names may have. */
function project(name, npmrc) {
  const folder = join(scratch, "a b ü", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, ".npmrc"), npmrc);
  run(folder, ["npm", "init", "-y"]);
  return folder;
}

const bin = (folder, name) => join(folder, "node_modules", ".bin", name);

function size(folder, without = () => false) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (without(path) || entry.isSymbolicLink()) continue;
    bytes += entry.isDirectory() ? size(path, without) : statSync(path).size;
  }
  return bytes;
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Photos of two classes, written by the encoder that the product has brought along. */
async function writePhotos(project, folder) {
  const sharp = createRequire(join(project, "package.json"))("sharp");
  for (const [i, [label, background]] of [
    ["cat", "#c03020"],
    ["dog", "#2050c0"],
  ].entries()) {
    mkdirSync(join(folder, label), { recursive: true });
    for (let n = 0; n < 12; n++) {
      const image = sharp({ create: { width: 48, height: 48, channels: 3, background } });
      await image
        .modulate({ brightness: 0.7 + 0.05 * n })
        .jpeg()
        .toFile(join(folder, label, `photo ${i}${n}.JPG`));
    }
  }
}

const quick = [
  "trainer.max_epochs=1",
  "data.image_size=32",
  "data.batch_size=8",
  "model=resnet18",
  "model.pretrained=false",
  "model.width=8",
];

/** The whole way of a user, from `npm i` to a prediction. */
async function wholeProduct(npmrc) {
  const folder = project("product", npmrc);
  run(folder, ["npm", "i", "classifier-training"]);
  say(`  ${megabytes(size(join(folder, "node_modules")))} in node_modules`);
  await writePhotos(folder, join(folder, "photos"));
  const classifier = bin(folder, "classifier");
  assert.match(run(folder, [classifier, "doctor"]).stdout, /LibTorch/);
  run(folder, [classifier, "setup"]);
  run(folder, [classifier, "train", "photos", ...quick]);
  const [day] = readdirSync(join(folder, "outputs"));
  const [time] = readdirSync(join(folder, "outputs", day));
  const predicted = run(folder, [classifier, "predict", join("outputs", day, time), "photos/cat/photo 00.JPG"]);
  assert.match(predicted.stdout, /cat|dog/);
  run(folder, [classifier, "export", join("outputs", day, time)]);
  run(folder, [classifier, "init", "my project"]);
  assert.ok(existsSync(join(folder, "my project", "package.json")));
  return folder;
}

/** One package alone, used from a script. */
function alone(npmrc, name, packages, script) {
  const folder = project(name, npmrc);
  run(folder, ["npm", "i", ...packages]);
  writeFileSync(join(folder, "use.mjs"), script);
  run(folder, [process.execPath, "use.mjs"]);
  return folder;
}

const isRuntime = (path) => /node_modules.(onnxruntime|sharp|@img|zod)/.test(path);

function singlePackages(npmrc) {
  alone(
    npmrc,
    "hydra",
    ["@classifier-training/hydra"],
    'import { create, toYaml } from "@classifier-training/hydra";\nif (toYaml(create({ a: 1 })).trim() !== "a: 1") process.exit(1);\n',
  );
  alone(
    npmrc,
    "torch",
    ["@classifier-training/torch"],
    'import { ones } from "@classifier-training/torch";\nif (ones([2, 3]).sum().item() !== 6) process.exit(1);\n',
  );
  alone(
    npmrc,
    "lightning",
    ["@classifier-training/lightning"],
    'import { Trainer } from "@classifier-training/lightning";\nif (typeof Trainer !== "function") process.exit(1);\n',
  );
  const inference = alone(
    npmrc,
    "inference",
    ["@classifier-training/inference", "onnxruntime-node"],
    'import { OnnxClassifier } from "@classifier-training/inference";\nif (typeof OnnxClassifier.load !== "function") process.exit(1);\n',
  );
  const own = size(join(inference, "node_modules"), isRuntime);
  say(`  inference: ${megabytes(own)} beside ONNX Runtime, sharp and zod`);
  assert.ok(own < 2e6, `@classifier-training/inference installs ${megabytes(own)}, expected less than 2 MB`);
}

/** A strict TypeScript program against the published types, by both ways of finding modules. */
function typescriptConsumer(folder) {
  run(folder, ["npm", "i", "-D", "typescript@5", "@types/node@20"]);
  writeFileSync(
    join(folder, "consumer.ts"),
    `import { train } from "classifier-training";
import { OnnxClassifier } from "classifier-training/inference";
import { Trainer } from "@classifier-training/lightning";
import { ones, type Tensor } from "@classifier-training/torch";
export const made: Tensor = ones([2, 2]);
export const parts = [train, OnnxClassifier, Trainer] as const;
`,
  );
  for (const [module, resolution] of [
    ["node16", "node16"],
    ["esnext", "bundler"],
  ]) {
    const options = [
      "--strict",
      "--skipLibCheck",
      "false",
      "--noEmit",
      "--target",
      "es2023",
      "--lib",
      "es2023,esnext.disposable,dom",
    ];
    run(folder, [bin(folder, "tsc"), ...options, "--module", module, "--moduleResolution", resolution, "consumer.ts"]);
  }
}

const started = performance.now();
const registry = await startRegistry(join(scratch, "registry"));
process.once("exit", () => registry.stop());
try {
  mkdirSync(home);
  const folders = await makeRelease(join(scratch, "release"));
  say("packages");
  await lintPackages(folders, say);
  publish(folders, registry.npmrc);
  say("the product, from an empty folder");
  const product = await wholeProduct(registry.npmrc);
  say("a TypeScript program that uses it");
  typescriptConsumer(product);
  say("packages alone");
  singlePackages(registry.npmrc);
  say(`all of it took ${((performance.now() - started) / 1000).toFixed(0)} s`);
} finally {
  registry.stop();
  if (process.env.KEEP === undefined) rmSync(scratch, { recursive: true, force: true });
  else say(`kept: ${scratch}`);
}
