// The supported releases of Node.js, beside the one that runs this: install, train two steps, classify.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { expect } from "./machine.mjs";
import { newestRun, quick, writePhotos } from "./product.mjs";

const releases = [20, 22, 24];

const service = `
import { OnnxClassifier } from "classifier-training/inference";
const classifier = await OnnxClassifier.load(process.argv[2]);
const [guesses] = await classifier.predict(["photos/cat/photo 1.JPG"]);
console.log(process.version, guesses[0].label);
await classifier.close();
`;

/** @param {import("./machine.mjs").Machine} machine */
export async function nodes({ run, project, scratch }) {
  const current = Number(process.versions.node.split(".")[0]);
  for (const release of releases.filter((major) => major !== current)) {
    // The package `node` is this one and a script that copies it.
    const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
    const tools = join(scratch, `node ${release}`);
    mkdirSync(tools);
    await run(tools, ["npm", "i", "--prefix", tools, `${name}@${release}`]);
    const bin = join(tools, "node_modules", name, "bin");
    expect(existsSync(bin), `${name}@${release} has no folder bin`);
    const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
    const folder = await project(`on node ${release}`);
    const { stdout: version } = await run(folder, ["node", "--version"], { env });
    expect(version.startsWith(`v${release}.`), `expected Node.js ${release}, received ${version}`);
    await run(folder, ["npm", "i", "--prefer-offline", "classifier-training"], { env });
    await writePhotos(folder, join(folder, "photos"));
    const steps = ["trainer.limit_train_batches=2", "trainer.limit_val_batches=1"];
    await run(folder, ["npx", "classifier", "train", "photos", ...quick, ...steps], { env });
    writeFileSync(join(folder, "service.mjs"), service);
    const { stdout } = await run(folder, ["node", "service.mjs", newestRun(folder)], { env });
    expect(new RegExp(`^v${release}\\..* (cat|dog)`).test(stdout), `no prediction on Node.js ${release}: ${stdout}`);
  }
}
