import { getLogger, plural, progressInLog, Rng } from "@classifier-training/base";
import { asModelInput, type LightningModule } from "@classifier-training/lightning";
import { fromTypedArray, nn, noGrad, scope, type Tensor } from "@classifier-training/torch";
import type { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";

const log = getLogger("classifier.model");

/** Training images that statistics are measured on. */
const images = 200;

/** Of what a norm gets, summed over batches: samples, means and mean squares of each channel. */
interface Sums {
  samples: number;
  readonly mean: Float64Array;
  readonly square: Float64Array;
}

/**
 * Gives batch norms that were inserted into a network (`unfoldBatchNorms`) the mean and variance of training images, prepared
 * as in validation, and scales so that the network computes the same as before. Those that were trained stay as they are.
 */
export async function measureUnfoldedNorms(classifier: LightningModule, data: ImageFolderDataModule): Promise<void> {
  const norms = [...classifier.modules()].filter((module) => module instanceof nn.BatchNorm2d).filter(isInserted);
  if (norms.length === 0) return;
  const sums = new Map<nn.BatchNorm2d, Sums>();
  const handles = norms.map((norm) =>
    norm.registerForwardPreHook((_module, [input]) => {
      add(sums, norm, input as Tensor);
      return undefined;
    }),
  );
  const { length } = data.samples("train");
  const chosen = Rng.at(0, "unfolded_norms").permutation(length).slice(0, images);
  const onProgress = progressInLog(log, (done, total) => `statistics of batch norms: ${done} of ${total} images`);
  const { training } = classifier;
  const loader = data.orderedLoader("train", chosen);
  classifier.eval();
  let done = 0;
  try {
    for await (using batch of loader.batches({ epoch: 0 })) {
      noGrad(() => scope(() => void classifier.call(asModelInput(classifier, batch.images))));
      done += batch.indices.length;
      onProgress(done, chosen.length);
    }
  } finally {
    for (const handle of handles) handle.remove();
    await loader.close();
    classifier.train(training);
  }
  for (const [norm, sum] of sums) set(norm, sum);
  log.info(`${plural(sums.size, "batch norm")} unfolded, with the statistics of ${plural(done, "training image")}`);
}

/** As `unfoldBatchNorms` makes them: no data has mean 0 and variance 1 in all channels. */
function isInserted({ running_mean: mean, running_var: variance }: nn.BatchNorm2d): boolean {
  if (mean == null || variance == null) return false;
  return noGrad(() =>
    scope(() => Number(mean.abs().max().item()) === 0 && Number(variance.sub(1).abs().max().item()) === 0),
  );
}

function add(sums: Map<nn.BatchNorm2d, Sums>, norm: nn.BatchNorm2d, input: Tensor): void {
  const [samples = 0, channels = 0] = input.shape;
  const sum = sums.get(norm) ?? { samples: 0, mean: new Float64Array(channels), square: new Float64Array(channels) };
  sums.set(norm, sum);
  scope(() => {
    const values = input.detach().to({ dtype: "float32" });
    const [mean, square] = [values, values.square()].map(
      (one) => one.mean([0, 2, 3]).to({ device: "cpu" }).toTypedArray() as Float32Array,
    ) as [Float32Array, Float32Array];
    for (let c = 0; c < channels; c++) {
      sum.mean[c]! += (mean[c] as number) * samples;
      sum.square[c]! += (square[c] as number) * samples;
    }
  });
  sum.samples += samples;
}

/** The same function with these statistics: of mean 0 and variance 1 before. */
function set({ weight, bias, running_mean, running_var, eps }: nn.BatchNorm2d, { samples, mean, square }: Sums): void {
  noGrad(() =>
    scope(() => {
      const means = mean.map((sum) => sum / samples);
      const variances = square.map((sum, c) => Math.max(0, sum / samples - (means[c] as number) ** 2));
      const as = (values: Float64Array, like: Tensor) =>
        fromTypedArray(Float32Array.from(values), [values.length]).to({ dtype: like.dtype, device: like.device });
      if (running_mean == null || running_var == null || weight == null || bias == null) return;
      const scale = weight.div(Math.sqrt(1 + eps));
      running_mean.copy_(as(means, running_mean));
      running_var.copy_(as(variances, running_var));
      bias.add_(scale.mul(running_mean));
      weight.copy_(scale.mul(running_var.add(eps).sqrt()));
    }),
  );
}
