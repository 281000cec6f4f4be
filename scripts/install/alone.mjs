// Packages alone: each is installed into an empty project and does what the first example of its README says.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect, megabytes, say, sizeOf } from "./machine.mjs";

/** The first example in TypeScript of an installed package's README. */
function firstExample(folder, name) {
  const readme = readFileSync(join(folder, "node_modules", name, "README.md"), "utf8");
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  expect(code !== undefined, `${name}: its README has no example`);
  return code;
}

const configuration = "optimizer: { lr: 0.25 }\nmodel: { _target_: ./net.mjs#Net, size: 3 }\n";
const net = "export class Net {\n  constructor({ size }) {\n    this.size = size;\n  }\n}\n";

async function hydra({ run, project }) {
  const name = "@classifier-training/hydra";
  const folder = await project("hydra");
  await run(folder, ["npm", "i", name]);
  mkdirSync(join(folder, "conf"));
  writeFileSync(join(folder, "conf", "config.yaml"), configuration);
  writeFileSync(join(folder, "net.mjs"), net);
  writeFileSync(join(folder, "app.mjs"), firstExample(folder, name));
  const { stdout } = await run(folder, [process.execPath, "app.mjs", "optimizer.lr=0.5"]);
  expect(stdout.includes("lr: 0.5"), `hydra: expected "lr: 0.5", received\n${stdout}`);
}

async function torch({ run, project }) {
  const name = "@classifier-training/torch";
  const folder = await project("torch");
  await run(folder, ["npm", "i", name]);
  writeFileSync(join(folder, "use.mjs"), firstExample(folder, name));
  const { stdout } = await run(folder, [process.execPath, "use.mjs"]);
  const losses = stdout
    .trim()
    .split("\n")
    .map((line) => Number(line.split(" ")[1]));
  expect(losses.length === 10 && losses[9] < losses[0], `torch: the loss does not fall:\n${stdout}`);
}

/** What the example leaves to its reader. */
const datamodule = `import { LightningDataModule } from "@classifier-training/lightning";
import { randint, randn } from "@classifier-training/torch";

class Noise extends LightningDataModule {
  batches = Array.from({ length: 2 }, () => ({ images: randn([4, 3, 32, 32]), labels: randint(0, 10, [4]) }));
  override trainDataloader() {
    return this.batches;
  }
  override valDataloader() {
    return this.batches;
  }
  override testDataloader() {
    return this.batches;
  }
}
const datamodule = new Noise();
`;

async function lightning({ run, project }) {
  const name = "@classifier-training/lightning";
  const folder = await project("lightning");
  await run(folder, ["npm", "i", name, "tsx"]);
  writeFileSync(join(folder, "use.mts"), `${datamodule}${firstExample(folder, name)}`);
  const { text } = await run(folder, ["npx", "tsx", "use.mts"]);
  expect(text.includes("val/loss"), `lightning: expected "val/loss", received\n${text}`);
}

const pixels = `import { byteImage, OnnxClassifier } from "@classifier-training/inference";
const classifier = await OnnxClassifier.load("bundle");
const [[guess]] = await classifier.predict([byteImage(new Uint8Array(48), 4, 4)]);
console.log(guess.label);
await classifier.close();
`;

/** @param product a project with a bundle and photos */
async function inference({ run, project }, product) {
  const name = "@classifier-training/inference";
  const folder = await project("inference");
  await run(folder, ["npm", "i", name, "onnxruntime-node"]);
  const own = sizeOf(join(folder, "node_modules"), (path) => /node_modules.(onnxruntime|\.)/.test(path));
  const others = sizeOf(join(folder, "node_modules", "@classifier-training"));
  say(`            ${megabytes(others)} of this project, ${megabytes(own)} with what ONNX Runtime needs beside itself`);
  expect(others < 2e6, `${name} installs ${megabytes(others)}, expected less than 2 MB`);
  cpSync(join(product, "bundle"), join(folder, "bundle"), { recursive: true });
  cpSync(join(product, "photos", "cat", "photo 1.JPG"), join(folder, "photo.jpg"));
  writeFileSync(join(folder, "pixels.mjs"), pixels);
  const { stdout } = await run(folder, [process.execPath, "pixels.mjs"]);
  expect(/^(cat|dog)\n$/.test(stdout), `inference without sharp: expected a class, received\n${stdout}`);
  await run(folder, ["npm", "i", "sharp"]);
  writeFileSync(join(folder, "use.mjs"), `${firstExample(folder, name)}console.log(problems, guesses);\n`);
  const used = await run(folder, [process.execPath, "use.mjs"]);
  expect(/^\[\] \[/.test(used.stdout), `inference: expected no problems and guesses, received\n${used.stdout}`);
}

/** @param {import("./machine.mjs").Machine} machine */
export async function packagesAlone(machine, product) {
  await hydra(machine);
  await inference(machine, product);
  await torch(machine);
  await lightning(machine);
}
