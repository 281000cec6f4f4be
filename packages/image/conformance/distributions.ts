import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { decodeImage } from "../src/codecs/decode.ts";
import { perspectiveCoefficients } from "../src/functional/geometry.ts";
import type { ByteImage } from "../src/image.ts";
import { ColorJitter, RandomInvert } from "../src/transforms/color.ts";
import { RandomApply } from "../src/transforms/containers.ts";
import { RandomResizedCrop } from "../src/transforms/crops.ts";
import { GaussianBlur } from "../src/transforms/degradations.ts";
import { RandomAffine, RandomPerspective } from "../src/transforms/geometry.ts";
import { imagenetMean, imagenetStd } from "../src/transforms/normalize.ts";
import { RandomErasing } from "../src/transforms/random-erasing.ts";
import { transforms } from "../src/transforms/registry.ts";
import type { Transform } from "../src/transforms/transform.ts";
import { basketballJerseyTrainPipeline } from "../test/recipes.ts";
import type { CaseResult } from "./section.ts";
import { compareFraction, compareSummary, isSummary, type Summary, summarize } from "./statistics.ts";

const sampleCount = 5000;
type Columns = Record<string, number[]>;

/** `sampleCount` samples; each is a row of named numbers. */
function table(sample: (rng: Rng) => Record<string, number> | undefined): Columns {
  const columns: Columns = {};
  for (let i = 0; i < sampleCount; i++) {
    const row = sample(Rng.at(2024, i));
    for (const [name, value] of Object.entries(row ?? {})) {
      columns[name] ??= [];
      columns[name].push(value);
    }
  }
  return columns;
}

interface CropRecord {
  readonly scale: [number, number];
  readonly ratio: [number, number];
  readonly image_wh: [number, number];
}

const square = { width: 224, height: 224, channels: 3 };

/** The samples of each recorded transform, by the start of its name. */
const sampled: Record<string, (record: never) => Columns> = {
  RandomResizedCrop({ scale, ratio, image_wh: [width, height] }: CropRecord) {
    return table((rng) => {
      const box = RandomResizedCrop.sample({ size: 224, scale, ratio }, rng, { width, height, channels: 3 });
      if (box === undefined) return undefined;
      return {
        area_fraction: (box.width * box.height) / (width * height),
        ratio_w_over_h: box.width / box.height,
        top_over_range: box.top / Math.max(1, height - box.height),
        left_over_range: box.left / Math.max(1, width - box.width),
      };
    });
  },
  RandomAffine: () =>
    table((rng) => {
      const options = { degrees: 25, translate: [0.1, 0.1], scale: [0.85, 1.15], shear: 15 } as const;
      const made = RandomAffine.sample(structuredClone(options) as never, rng, square);
      if (made === undefined) return undefined;
      const { angle, translate, scale, shear } = made;
      return { angle, tx: translate[0], ty: translate[1], scale, shear_x: shear[0], shear_y: shear[1] };
    }),
  RandomPerspective: () =>
    table((rng) => {
      const made = RandomPerspective.sample({ distortionScale: 0.3, p: 1 }, rng, square);
      if (made === undefined) return undefined;
      const coefficients = perspectiveCoefficients(made.startPoints, made.endPoints);
      return Object.fromEntries(coefficients.map((value, i) => [`coef${i}`, value]));
    }),
  ColorJitter: () =>
    table((rng) => {
      const made = ColorJitter.sample({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }, rng, square);
      const { brightness = 0, contrast = 0, saturation = 0, hue = 0, order = [] } = made ?? {};
      return { brightness, contrast, saturation, hue, first: order[0] ?? -1 };
    }),
  GaussianBlur: () => table((rng) => GaussianBlur.sample({ kernelSize: 7, sigma: [0.5, 3.5] }, rng, square)),
  RandomErasing: () =>
    table((rng) => {
      const box = RandomErasing.sample({ p: 1, scale: [0.02, 0.2] }, rng, square);
      if (box === undefined) return undefined;
      return { area_fraction: (box.width * box.height) / (224 * 224), ratio_h_over_w: box.height / box.width };
    }),
};

export async function distributionCases(recorded: unknown, folder: string): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const [name, record] of Object.entries(recorded as Record<string, Record<string, unknown>>)) {
    const prefix = Object.keys(sampled).find((key) => name.startsWith(key));
    if (name === "_meta") continue;
    if (name === "degradation_applied_share") results.push(...degradationFractions(record));
    else if (name === "system_train_pipeline_output") results.push(...(await pipelineOutputs(record, folder)));
    else if (name.startsWith("RandomApply")) {
      const p = Number(name.split("_")[1]);
      const fraction = appliedFraction(RandomApply({ transforms: [RandomInvert({ p: 1 })], p }));
      results.push({ name, failure: compareFraction(fraction, record["applied_share"] as number, sampleCount) });
    } else if (prefix === undefined) results.push({ name, failure: "no such transform here" });
    else results.push(...summaries(name, record, sampled[prefix]?.(record as never) ?? {}));
  }
  return results;
}

/** One case for each recorded summary, also for those one level down. */
function summaries(name: string, record: Record<string, unknown>, columns: Columns): CaseResult[] {
  return Object.entries(record).flatMap(([key, value]): CaseResult[] => {
    if (isSummary(value))
      return [{ name: `${name} ${key}`, failure: compareSummary(columns[key] ?? [], value, sampleCount) }];
    if (key === "coefficients") return summaries(name, value as Record<string, unknown>, columns);
    if (key !== "order_first_op_counts") return [];
    const first = columns["first"] ?? [];
    return Object.entries(value as Record<string, number>).map(([op, count]) => {
      const fraction = first.filter((sampledFirst) => sampledFirst === Number(op)).length / first.length;
      return { name: `${name} first ${op}`, failure: compareFraction(fraction, count / sampleCount, sampleCount) };
    });
  });
}

/** The fraction of runs that return another image than they were given. */
function appliedFraction(transform: Transform): number {
  const image = { width: 8, height: 8, channels: 3, data: new Uint8Array(192).fill(100), semantics: "pil" } as const;
  let applied = 0;
  for (let i = 0; i < sampleCount; i++) if (transform.run(image, { key: [7, i], path: "0" }) !== image) applied++;
  return applied / sampleCount;
}

function degradationFractions(record: Record<string, unknown>): CaseResult[] {
  return Object.entries(record).flatMap(([name, entry]) => {
    const factory = transforms.find(({ transformName }) => transformName === name);
    if (factory === undefined) return [];
    const { kwargs, applied_share: fraction } = entry as { kwargs: Record<string, number>; applied_share: number };
    const options = Object.entries(kwargs).map(([key, value]) => [
      key.replace(/_(.)/g, (_, c) => c.toUpperCase()),
      value,
    ]);
    const made = appliedFraction(factory.build(Object.fromEntries(options)));
    return [{ name: `${name} applied`, failure: compareFraction(made, fraction, 1500) }];
  });
}

interface PipelineRecord {
  readonly n: number;
  readonly channel_mean_of_image_mean: number[];
  readonly channel_std_of_image_mean: number[];
  readonly image_std: Summary;
  readonly black_pixel_share: Summary;
}

/** Statistics of what the whole jersey pipeline makes of an image. */
async function pipelineOutputs(record: Record<string, unknown>, folder: string): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const [name, entry] of Object.entries(record)) {
    const [input, size] = name.split("_") as [string, string];
    const image = await decodeImage(readFileSync(join(folder, "png", `${input}.png`)));
    const expected = entry as PipelineRecord;
    const made = await outputs(image, Number(size), 2 * expected.n);
    for (const c of [0, 1, 2]) {
      const summary = { mean: expected.channel_mean_of_image_mean[c], std: expected.channel_std_of_image_mean[c] };
      const values = made.map(({ means }) => means[c] as number);
      results.push({
        name: `${name} mean of channel ${c}`,
        failure: compareSummary(values, summary as Summary, expected.n),
      });
    }
    const stds = made.map(({ std }) => std);
    results.push({ name: `${name} image std`, failure: compareSummary(stds, expected.image_std, expected.n) });
    const black = summarize(made.map((one) => one.black));
    const difference = Math.abs(black.mean - expected.black_pixel_share.mean);
    const tolerance = 4.5 * expected.black_pixel_share.std * Math.sqrt(1.5 / expected.n);
    const failure =
      difference <= tolerance ? undefined : `mean ${black.mean} instead of ${expected.black_pixel_share.mean}`;
    results.push({ name: `${name} black pixels`, failure });
  }
  return results;
}

async function outputs(image: ByteImage, imageSize: number, count: number) {
  const pipeline = basketballJerseyTrainPipeline({ imageSize });
  const black = imagenetMean.map((mean, c) => -mean / (imagenetStd[c] as number) + 1e-3);
  const rows: { means: number[]; std: number; black: number }[] = [];
  for (let i = 0; i < count; i++) {
    const { data } = await pipeline.run(image, { key: [11, i], path: "" });
    const sums = [0, 0, 0];
    let [squares, total, blackPixels] = [0, 0, 0];
    for (let k = 0; k < data.length; k += 3) {
      let dark = 0;
      for (let c = 0; c < 3; c++) {
        const value = data[k + c] as number;
        sums[c]! += value;
        total += value;
        squares += value * value;
        if (value <= (black[c] as number)) dark++;
      }
      if (dark === 3) blackPixels++;
    }
    const area = data.length / 3;
    const mean = total / data.length;
    const std = Math.sqrt((squares - data.length * mean * mean) / (data.length - 1));
    rows.push({ means: sums.map((sum) => sum / area), std, black: blackPixels / area });
  }
  return rows;
}
