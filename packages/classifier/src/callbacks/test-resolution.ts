import { getLogger } from "@classifier-training/base";
import { asModelInput, type LightningModule } from "@classifier-training/lightning";
import type { BestWeights } from "@classifier-training/runs";
import { compareErrors, type McNemarResult, percent } from "@classifier-training/runs";
import { noGrad, scope, zeros } from "@classifier-training/torch";
import type { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";
import type { Measurement } from "./soup.ts";

const log = getLogger("classifier.callbacks.best_weights");

/** Sizes are multiples of this many pixels, as strides of networks like them. */
const step = 8;

interface Sized extends Measurement {
  readonly size: number;
  readonly comparison: McNemarResult;
}

/** What was measured, and the predictions at the size that was chosen. */
export interface TestResolution {
  readonly report: NonNullable<BestWeights["inputSize"]>;
  readonly predictions: SplitPredictions;
}

/**
 * Test-time resolution (Touvron et al. 2019, "Fixing the train-test resolution discrepancy"): objects look larger in random
 * crops than in validation, so that a larger input may be better than the training's. The module's weights are measured
 * at each size; a larger one is taken only where a paired test says that it is better, with the level of 5% divided by
 * the number of sizes. The data module keeps the size that was chosen.
 * @param factors of the training's size
 * @param seconds what all sizes together may take
 * @param base what they say at the training's size
 * @param measure predictions of validation as the data module now prepares it
 * @returns undefined where no larger size can be measured
 */
export async function chooseTestSize(
  { factors, seconds }: { factors: readonly number[]; seconds: number },
  module: LightningModule,
  data: ImageFolderDataModule,
  base: Measurement,
  measure: () => Promise<Measurement>,
): Promise<TestResolution | undefined> {
  const trained = data.imageSize;
  const wanted = [...new Set(factors.map((factor) => step * Math.round((trained * factor) / step)))]
    .filter((size) => size > trained)
    .sort((a, b) => a - b);
  if (wanted.length === 0) return undefined;
  if (!data.setEvaluationSize(trained)) {
    log.detail("test-time size: left out, the validation transforms do more than resize and crop to a square");
    return undefined;
  }
  const sized: Sized[] = [{ ...base, size: trained, comparison: compare(base.predictions, base.predictions) }];
  let left = seconds;
  for (const size of wanted) {
    if (!takes(module, size)) {
      log.detail(`test-time size: left out, the network takes ${trained} px only`);
      break;
    }
    if (base.seconds * (size / trained) ** 2 > left) {
      log.detail(`test-time size: ${size} px is left out, it would take more than ${seconds} s`);
      break;
    }
    data.setEvaluationSize(size);
    const one = await measure();
    left -= one.seconds;
    sized.push({ ...one, size, comparison: compare(one.predictions, base.predictions) });
  }
  const best = choose(sized);
  data.setEvaluationSize(best.size);
  if (sized.length === 1) return undefined;
  log[best.size === trained ? "detail" : "info"](describe(sized, best));
  const sizes = sized.map(({ size, predictions: { top1, score, loss }, comparison, seconds }) => ({
    size,
    correct: top1.successes,
    n: top1.n,
    top1: top1.value,
    interval95: [top1.low, top1.high] satisfies [number, number],
    ...(score.name === "mAP" && { mAP: score.value }),
    loss,
    pairedTestAgainstTrained: comparison,
    seconds: Number(seconds.toFixed(1)),
  }));
  return { report: { chosen: best.size, trained, sizes }, predictions: best.predictions };
}

const compare = (one: SplitPredictions, base: SplitPredictions) => compareErrors(one.errors, base.errors);

/** The best of those that are better for sure, the smaller one of equals; else the training's own, which comes first. */
function choose(sized: readonly Sized[]): Sized {
  const [own, ...larger] = sized as readonly [Sized, ...Sized[]];
  const clear = larger.filter(
    ({ comparison: { onlyFirst, onlySecond, pValue } }) => onlyFirst > onlySecond && pValue * larger.length < 0.05,
  );
  return (
    clear.reduce<Sized | undefined>(
      (best, one) => (best === undefined || one.predictions.score.value > best.predictions.score.value ? one : best),
      undefined,
    ) ?? own
  );
}

function describe(sized: readonly Sized[], best: Sized): string {
  const [own, ...larger] = sized as readonly [Sized, ...Sized[]];
  const of = ({ size, predictions: { score } }: Sized) => `${size} px ${percent(score.value)}`;
  const took = `${sized.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(0)} s`;
  if (best === own) return `test-time size: ${of(own)}; no significant gain: ${larger.map(of).join(", ")} (${took})`;
  const p = best.comparison.pValue.toPrecision(2);
  return `test-time size: ${of(best)}, better than ${of(own)} as trained (p = ${p}, ${took})`;
}

/** Whether a network takes images of another size: one with fixed position embeddings does not. */
function takes(module: LightningModule, size: number): boolean {
  try {
    noGrad(() => scope(() => void module.call(asModelInput(module, zeros([1, 3, size, size])))));
    return true;
  } catch {
    return false;
  }
}
