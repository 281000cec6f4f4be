// The whole way of a user: from `npm i` to a prediction, an exported bundle and a project.
import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, megabytes, say, sizeOf } from "./machine.mjs";

/** Small enough for every machine, and the same for all trainings here. */
export const quick =
  "trainer.max_epochs=1 data.image_size=32 data.batch_size=8 model=resnet18 model.pretrained=false model.width=8".split(
    " ",
  );

/** Photos of two classes: noise in their colors, by the encoder that the product has brought along. */
export async function writePhotos(project, folder) {
  const sharp = createRequire(join(project, "package.json"))("sharp");
  for (const [label, tint] of [
    ["cat", [220, 120, 60]],
    ["dog", [60, 120, 220]],
  ]) {
    mkdirSync(join(folder, label), { recursive: true });
    for (let n = 0; n < 16; n++) {
      const noise = Uint8Array.from({ length: 6 * 6 * 3 }, (_, i) => tint[i % 3] * (0.3 + 0.7 * Math.random()));
      const image = sharp(noise, { raw: { width: 6, height: 6, channels: 3 } }).resize(64, 64, { kernel: "nearest" });
      await image.jpeg().toFile(join(folder, label, `photo ${n}.JPG`));
    }
  }
}

/** The newest run of a project. */
export function newestRun(folder) {
  const newest = (path) => join(path, readdirSync(path).sort().at(-1) ?? "");
  return newest(newest(join(folder, "outputs")));
}

/**
 * @param {import("./machine.mjs").Machine} machine
 * @param {string} how what the first command says of the addon
 * @returns {Promise<string>} the project, with a run and a bundle
 */
export async function wholeProduct({ run, project }, how) {
  const folder = await project("product", "ignore-scripts=true\n");
  await run(folder, ["npm", "i", "classifier-training"]);
  say(`            ${megabytes(sizeOf(join(folder, "node_modules")))} in node_modules`);
  await writePhotos(folder, join(folder, "photos"));
  const classifier = (...args) => run(folder, ["npx", "classifier", ...args]);

  const first = await Promise.all([classifier("doctor"), classifier("setup")]);
  const made = first.filter(({ text }) => text.includes(how));
  expect(
    made.length === 1,
    `two first commands: expected one of them to say "${how}", received\n${first.map(({ text }) => text).join("\n")}`,
  );
  expect(
    (await classifier("setup")).text.includes("the torch addon is ready"),
    "setup after setup makes the addon again",
  );

  const trained = await classifier("train", "photos", ...quick);
  expect(/acc/i.test(trained.text), `train says no accuracy:\n${trained.text}`);
  const runFolder = newestRun(folder);
  const photo = join("photos", "cat", "photo 3.JPG");
  const { stdout } = await classifier("predict", runFolder, photo);
  expect(/\b(cat|dog)\b/.test(stdout), `predict names no class:\n${stdout}`);
  await classifier("export", runFolder, "--data", "photos");
  const verified = await classifier("bundle", "verify", "bundle");
  expect(verified.stdout !== "", "bundle verify says nothing");

  await classifier("init", "my project");
  const inside = join(folder, "my project");
  await run(inside, ["npm", "i"]);
  await run(inside, ["npm", "run", "train", "trainer.max_epochs=1"]);
  expect(newestRun(inside) !== "", "the training of a new project leaves no run");
  return folder;
}
