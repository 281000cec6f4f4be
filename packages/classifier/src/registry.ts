import { registerResolver, registerTargets, type TargetLoader } from "@classifier-training/hydra";
import { registerExtensions } from "./extensions.ts";

const lightning: TargetLoader = async () => {
  const { targets } = await import("@classifier-training/lightning");
  const { countingBatches } = await import("./training/trainer-target.ts");
  return Object.fromEntries(
    Object.entries(targets).map(([name, target]) => [name, /\.Trainer$/.test(name) ? countingBatches(target) : target]),
  );
};
const loggers: TargetLoader = async () => (await import("@classifier-training/loggers")).targets;
const torch: TargetLoader = async () => (await import("@classifier-training/torch")).targets;
const vision: TargetLoader = async () => (await import("@classifier-training/vision")).targets;
const own: TargetLoader = async () => (await import("./targets.ts")).targets;

/** Who knows the names below a prefix; of two that know the same prefix, the later one is asked first. */
const namespaces: readonly (readonly [prefixes: readonly string[], load: TargetLoader])[] = [
  [["lightning", "pytorch_lightning", "torchmetrics", "datetime"], lightning],
  [["lightning.pytorch.loggers", "pytorch_lightning.loggers", "aim", "dvclive", "swanlab"], loggers],
  [["torch", "timm", "lion_pytorch", "torchvision"], torch],
  [["torchvision", "timm"], vision],
  [["classifier_training"], own],
  [["classifier_training.transforms", "classifier_training.data.JSONLDataset"], vision],
  [["classifier_training.callbacks.ema", "classifier_training.callbacks.histograms"], lightning],
];

let registered = false;

/**
 * Makes everything known that a configuration may name. Packages are loaded when one of their names is first used:
 * `--help` and `--cfg` load none.
 */
export function registerAll(): void {
  if (registered) return;
  registered = true;
  for (const [prefixes, load] of namespaces) for (const prefix of prefixes) registerTargets(prefix, load);
  registerExtensions();
  registerResolver("classifier.resize_size", (size: number) => Math.round((Number(size) * 256) / 224), {
    replace: true,
  });
}
