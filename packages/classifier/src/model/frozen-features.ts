import { createHash } from "node:crypto";
import { CtError, getLogger, plural, progressInLog } from "@classifier-training/base";
import { asModelInput, type LightningModule } from "@classifier-training/lightning";
import { isFloatingPoint, nn, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { FeatureCache } from "../data/feature-cache.ts";
import type { FeatureTable } from "../data/feature-loader.ts";
import type { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";

const log = getLogger("classifier.model");

/** What is saved of a long computation, and how often. */
const saveMs = 60_000;
/** Sums of float32 in another order. */
const tolerance = 1e-3;

/** A classifier whose network is frozen but for the layer that gives the logits. */
export type FrozenClassifier = LightningModule & { readonly model: nn.AnyModule; readonly head: nn.AnyModule };

/**
 * Gives training the features of all images (the input of the head) in place of the images: computed once, as validation
 * prepares them, and kept in the user's cache by the images' content.
 * @throws CtError for a network that computes something after its head
 */
export async function useFrozenFeatures(classifier: FrozenClassifier, data: ImageFolderDataModule): Promise<void> {
  const digest = digestOf(classifier);
  const splits = data.samples("val").length > 0 ? (["train", "val"] as const) : (["train"] as const);
  const prepared = await Promise.all(splits.map((split) => data.preparedImages(split)));
  const total = prepared.reduce((sum, { contents }) => sum + contents.length, 0);
  const onProgress = progressInLog(log, (done) => `features: ${done} of ${total}`);
  const training = classifier.training;
  classifier.eval();
  const start = performance.now();
  let done = 0;
  let computed = 0;
  try {
    for (const [k, split] of splits.entries()) {
      const { contents, preparation } = prepared[k] as (typeof prepared)[number];
      const cache = new FeatureCache(`${digest}\n${preparation}`);
      const rows = contents.map((content) => cache.get(content)?.features);
      const missing = [...rows.keys()].filter((i) => rows[i] === undefined);
      done += rows.length - missing.length;
      computed += missing.length;
      let saved = performance.now();
      const loader = data.orderedLoader(split, missing);
      try {
        for await (using batch of missing.length === 0 ? [] : loader.batches({ epoch: 0 })) {
          for (const [j, features] of featuresOf(classifier, batch.images).entries()) {
            const i = batch.indices[j] as number;
            rows[i] = features;
            cache.set(contents[i] as string, { features, logits: new Float32Array() });
          }
          done += batch.indices.length;
          onProgress(done, total);
          if (performance.now() - saved < saveMs) continue;
          cache.save();
          saved = performance.now();
        }
      } finally {
        await loader.close();
      }
      cache.save();
      data.setFeatures(split, tableOf(rows));
    }
  } finally {
    classifier.train(training);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const known = computed === total ? "" : `, ${total - computed} of them from the cache`;
  log.info(`features of ${plural(total, "image")} in ${seconds} s${known}: the head is trained on these`);
}

function tableOf(rows: readonly (Float32Array | undefined)[]): FeatureTable {
  return { rows, size: rows.find((row) => row !== undefined)?.length ?? 0 };
}

/** @param features [N, F] @returns logits [N, K] */
export function logitsOfFeatures(head: nn.AnyModule, features: Tensor): Tensor {
  if (!(head instanceof nn.Conv2d)) return (head as nn.Module).call(features);
  return head.call(features.unsqueeze(2).unsqueeze(3)).flatten(1);
}

/** @param images [N, 3, H, W] @returns F values an image */
function featuresOf(classifier: FrozenClassifier, images: Tensor): Float32Array[] {
  return noGrad(() =>
    scope(() => {
      const { head, model } = classifier;
      let input: Tensor | undefined;
      const handle = head.registerForwardPreHook((_module, [given]) => {
        input = (given as Tensor).detach().flatten(1);
        return undefined;
      });
      let logits: Tensor;
      try {
        logits = (model as nn.Module).call(asModelInput(classifier, images));
      } finally {
        handle.remove();
      }
      if (input === undefined || !isHead(head, input, logits)) throw notLast(head);
      const values = input.to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray() as Float32Array;
      const size = values.length / (images.shape[0] as number);
      return Array.from({ length: images.shape[0] as number }, (_, i) => values.slice(i * size, (i + 1) * size));
    }),
  );
}

/** Whether the head says of features what the network says. */
function isHead(head: nn.AnyModule, features: Tensor, logits: Tensor): boolean {
  const takes = head instanceof nn.Conv2d ? head.weight.shape.slice(1) : [features.shape[1]];
  if (head instanceof nn.Conv2d && takes.join() !== `${features.shape[1]},1,1`) return false;
  const own = logitsOfFeatures(head, features);
  if (own.shape.join() !== logits.shape.join()) return false;
  return own.sub(logits).abs().max().item() <= tolerance * (1 + Number(logits.abs().max().item()));
}

function notLast(head: nn.AnyModule): CtError {
  return new CtError({
    code: "classifier/features",
    what: `model.freeze=features: expected a network whose last layer gives the logits, received one that computes more after its ${head.constructor.name}`,
    where: "model.freeze",
    fix: "use model.freeze=all: it trains the head alone, too, on images",
  });
}

/** Of all that the features depend on: the network's weights but the head's. */
function digestOf({ model, head }: FrozenClassifier): string {
  const own = new Set([...head.stateDict().values()]);
  const hash = createHash("sha256");
  for (const [name, tensor] of model.stateDict()) {
    if (own.has(tensor)) continue;
    hash.update(`${name} ${tensor.dtype} ${tensor.shape.join()}\n`);
    const values = noGrad(() =>
      scope(() => {
        const dtype = isFloatingPoint(tensor.dtype) ? "float32" : tensor.dtype;
        return tensor.detach().to({ dtype, device: "cpu" }).contiguous().toTypedArray();
      }),
    );
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}
