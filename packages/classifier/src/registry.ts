import { registerResolver, registerTargets } from "@classifier-training/hydra";

let registered = false;

/**
 * Makes everything known that a configuration may name. Packages are loaded when one of their names is first used:
 * `--help` and `--cfg` load none.
 */
export function registerAll(): void {
  if (registered) return;
  registered = true;
  const lightning = async () => (await import("@classifier-training/lightning")).targets;
  const vision = async () => (await import("@classifier-training/vision")).targets;
  registerTargets("lightning", lightning);
  registerTargets("pytorch_lightning", lightning);
  registerTargets("torchmetrics", lightning);
  registerTargets("torch", async () => (await import("@classifier-training/torch")).targets);
  registerTargets("torchvision", vision);
  registerTargets("classifier_training", async () => (await import("./targets.ts")).targets);
  registerTargets("classifier_training.transforms", vision);
  registerTargets("classifier_training.callbacks.ema", lightning);
  registerResolver("classifier.resize_size", (size: number) => Math.round((Number(size) * 256) / 224), {
    replace: true,
  });
}
