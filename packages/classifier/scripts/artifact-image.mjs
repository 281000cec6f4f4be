// node packages/classifier/scripts/artifact-image.mjs RUN: docs/images/artifacts.png, from the images that a run of the demo left.
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

const images = fileURLToPath(new URL("../../../docs/images/", import.meta.url));
const run = process.argv[2];
if (run === undefined) throw new Error("usage: node packages/classifier/scripts/artifact-image.mjs outputs/DATE/TIME");
const epoch = readdirSync(run)
  .filter((name) => /^epoch_\d+$/.test(name))
  .sort()
  .at(-1);

/** Left, top, width, height of each image on the page. */
const tiles = [
  [join(run, epoch, "confusion_matrix.png"), 0, 0, 620, 620],
  [join(run, "training_history", "accuracy_history.png"), 640, 0, 560, 336],
  [join(run, epoch, "sample_predictions.png"), 640, 350, 270, 270, "top"],
  [join(run, epoch, "grad_cam.png"), 930, 350, 270, 270, "top"],
];

const page = await Promise.all(
  tiles.map(async ([path, left, top, width, height, position]) => ({
    input: await sharp(path)
      .resize(width, height, { fit: position === undefined ? "contain" : "cover", position, background: "white" })
      .toBuffer(),
    left,
    top,
  })),
);
mkdirSync(images, { recursive: true });
const out = join(images, "artifacts.png");
const { size } = await sharp({ create: { width: 1200, height: 620, channels: 3, background: "white" } })
  .composite(page)
  .png({ palette: true, colors: 128 })
  .toFile(out);
process.stdout.write(`${out}: ${(size / 1024).toFixed(0)} KB\n`);
