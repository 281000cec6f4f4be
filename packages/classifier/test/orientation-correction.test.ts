import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { OrientationCorrection } from "@classifier-training/jersey";
import { ModelCheckpoint, Trainer } from "@classifier-training/lightning";
import { manualSeed, nn, type Tensor } from "@classifier-training/torch";
import { byteImage, functional, type Orientation } from "@classifier-training/vision";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { validationPipeline } from "../../image/test/recipes.ts";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { ClassificationModel } from "../src/model/classification-model.ts";
import { classificationModelOptionsSchema } from "../src/model/options.ts";

vi.setConfig({ testTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), "orientation-"));
const size = 16;
/** EXIF orientation of each training image that is not synthetic, by file name. */
const truth = new Map<string, Orientation>();
/** The inverse orientation: rotations by 90 degrees are each other's inverse. */
const opposite: Record<Orientation, Orientation> = { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6 };

/** The bars of an F: left, top, width, height. */
const bars = [
  [4, 2, 3, 12],
  [4, 2, 8, 3],
  [4, 7, 6, 2],
] as const;

/** An F whose orientation is its class: re-oriented, an image of one class shows another class. */
function draw(lies: Orientation, rng: Rng) {
  const pixels = Uint8Array.from({ length: size * size * 3 }, () => 30 + rng.integer(40));
  const [dx, dy] = [rng.integer(4) - 2, rng.integer(3) - 1];
  for (const [left, top, width, height] of bars)
    for (let y = top; y < top + height; y++)
      for (let x = left; x < left + width; x++) {
        const at = 3 * ((y + dy) * size + x + dx);
        pixels.fill(180 + rng.integer(60), at, at + 3);
      }
  return functional.applyOrientation(byteImage(pixels, size, size), opposite[lies]);
}

beforeAll(async () => {
  for (const split of ["train", "valid"]) {
    const rows: string[] = [];
    mkdirSync(join(dir, split), { recursive: true });
    for (const label of functional.orientations)
      for (let i = 0; i < (split === "train" ? 24 : 4); i++) {
        const synthetic = split === "train" && i < 16;
        const orientation = split === "train" && !synthetic ? (functional.orientations[i % 8] as Orientation) : 1;
        const lying = functional.applyOrientation(draw(label, Rng.at(1, split, label, i)), opposite[orientation]);
        const image = `${label}-${i}.png`;
        await sharp(lying.data, { raw: { width: size, height: size, channels: 3 } })
          .png()
          .toFile(join(dir, split, image));
        if (split === "train" && !synthetic) truth.set(image, orientation);
        rows.push(JSON.stringify({ image, prefix: "", suffix: label, metadata: { synthetic } }));
      }
    writeFileSync(join(dir, split, "annotations.jsonl"), `${rows.join("\n")}\n`);
  }
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

class Small extends nn.Module {
  readonly body = new nn.Sequential(
    new nn.Conv2d(3, 12, { kernelSize: 3, stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(12, 24, { kernelSize: 3, stride: 2, padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(24 * 16, 8),
  );

  override forward(x: Tensor): Tensor {
    return this.body.call(x) as Tensor;
  }
}

interface TrainOptions {
  readonly dataRoot?: string;
  readonly ckptPath?: string;
  /** Where a checkpoint of every epoch goes. */
  readonly checkpoints?: string;
}

async function train(
  callback: OrientationCorrection,
  maxEpochs: number,
  { dataRoot = dir, ckptPath, checkpoints }: TrainOptions = {},
) {
  manualSeed(3);
  const pipeline = validationPipeline({ imageSize: size, resizeSize: size });
  const data = new ImageFolderDataModule({
    dataRoot,
    onError: "skip",
    batchSize: 8,
    numWorkers: 0,
    imageSize: size,
    trainTransforms: pipeline,
    valTransforms: pipeline,
  });
  const options = classificationModelOptionsSchema.parse({ numClasses: 8, learningRate: 5e-3, warmupEpochs: 0 });
  const model = new ClassificationModel(options, "small", () => new Small());
  const trainer = new Trainer({
    maxEpochs,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: checkpoints !== undefined,
    defaultRootDir: dir,
    callbacks: [
      callback,
      ...(checkpoints === undefined
        ? []
        : [new ModelCheckpoint({ dirpath: checkpoints, filename: "{epoch}", saveTopK: -1 })]),
    ],
  });
  await trainer.fit(model, { datamodule: data, ...(ckptPath !== undefined && { ckptPath }) });
  return { data, model, callback };
}

test("rotated and mirrored images are found, and corrected from then on", async () => {
  const callback = new OrientationCorrection({ epochs: [14], margin: 0.5 });
  const { data } = await train(callback, 15);
  const found = [...data.samples("train").entries()].map(([i, { path }]) => {
    const wanted = truth.get(path.split("/").at(-1) ?? "") ?? 1;
    return { right: callback.applied[i] === wanted, wanted };
  });
  const turned = found.filter(({ wanted }) => wanted !== 1);
  expect(turned.length).toBe(56);
  expect(turned.filter(({ right }) => right).length).toBeGreaterThan(0.9 * turned.length);
  // Synthetic images have the correct orientation.
  expect(found.filter(({ wanted, right }) => wanted === 1 && !right).length).toBeLessThan(4);
  expect([...data.trainEnabled].every((on) => on === 1)).toBe(true);

  const resumed = new OrientationCorrection();
  resumed.loadStateDict(callback.stateDict());
  expect([...(resumed.estimated ?? [])]).toEqual([...callback.applied]);
});

test("before the first estimate only synthetic images are sampled", async () => {
  const { data } = await train(new OrientationCorrection({ epochs: [5] }), 1);
  const drawn = data.samples("train").filter((_, i) => data.trainEnabled[i] === 1);
  expect(drawn.length).toBe(128);
  expect(drawn.every(({ metadata }) => metadata?.["synthetic"] === true)).toBe(true);
});

test("a fraction of the re-oriented images is shown as stored, others in each epoch", async () => {
  const search = { epochs: [1], margin: 0, keep_original_fraction: 0.5 };
  const shown = async (epochs: number) => {
    const callback = new OrientationCorrection(search);
    await train(callback, epochs);
    const found = callback.estimated ?? [];
    const turned = [...found.keys()].filter((i) => found[i] !== 1);
    const asTheyAre = turned.filter((i) => callback.applied[i] === 1);
    expect(turned.every((i) => [1, found[i]].includes(callback.applied[i]))).toBe(true);
    expect(asTheyAre.length).toBeGreaterThan(0.2 * turned.length);
    expect(asTheyAre.length).toBeLessThan(0.8 * turned.length);
    return asTheyAre;
  };
  // The first two epochs of both runs are the same.
  expect(await shown(3)).not.toEqual(await shown(2));
});

test("a run that is resumed before or after the estimate ends with the same bits", async () => {
  const checkpoints = join(dir, "checkpoints");
  const search = { epochs: [2], margin: 0, keep_original_fraction: 0.25 };
  const weightsOf = (model: ClassificationModel) =>
    Object.entries(model.stateDict()).map(([name, value]) => [name, value.toArray()]);
  const whole = await train(new OrientationCorrection(search), 4, { checkpoints });
  for (const epoch of [0, 2]) {
    const callback = new OrientationCorrection(search);
    const resumed = await train(callback, 4, { ckptPath: join(checkpoints, `epoch=${epoch}.ckpt`) });
    expect(weightsOf(resumed.model)).toEqual(weightsOf(whole.model));
    expect([...resumed.callback.applied]).toEqual([...whole.callback.applied]);
  }
});

test("an image that cannot be decoded does not end the estimate, and keeps orientation 1", async () => {
  const dataRoot = join(dir, "with-a-broken-one");
  for (const split of ["train", "valid"]) cpSync(join(dir, split), join(dataRoot, split), { recursive: true });
  // The last image of a class is not synthetic.
  writeFileSync(join(dataRoot, "train", "5-23.png"), "not an image");
  const callback = new OrientationCorrection({ epochs: [1], margin: 0 });
  const { data } = await train(callback, 2, { dataRoot });
  const broken = data.samples("train").findIndex(({ path }) => path.endsWith("5-23.png"));
  expect(callback.estimated?.[broken]).toBe(1);
  expect(callback.estimated?.some((orientation) => orientation !== 1)).toBe(true);
});
