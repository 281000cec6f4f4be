import type { Target } from "@classifier-training/base";
import { registerTargets, type TargetLoader } from "@classifier-training/hydra";
import { targetNames as image } from "@classifier-training/image/target-names";
import { targetNames as lightning } from "@classifier-training/lightning/target-names";
import { targetNames as loggers } from "@classifier-training/loggers/target-names";
import { targetNames as torch } from "@classifier-training/torch/target-names";
import { targetNames as vision } from "@classifier-training/vision/target-names";
import { registerDataName } from "./data/data-name.ts";
import { registerResizeSize } from "./data/default-transforms.ts";
import { registerExtensions } from "./extensions.ts";
import { targetNames as own } from "./target-names.generated.ts";

/** The packages below that have targets: the names that each lists, and its tables. Extensions register like any other's. */
const packages: readonly (readonly [names: readonly string[], load: TargetLoader])[] = [
  [image, loadImage],
  [torch, async () => (await import("@classifier-training/torch")).targets],
  [vision, async () => (await import("@classifier-training/vision")).targets],
  [lightning, loadLightning],
  [loggers, async () => (await import("@classifier-training/loggers")).targets],
  [own, async () => (await import("./targets.ts")).targets],
];

/** A container of torchvision holds transforms of images or, as its reference recipe has it, of whole batches. */
async function loadImage() {
  const { targets } = await import("@classifier-training/image");
  const container = (name: "RandomApply" | "RandomChoice"): [string, Target] => {
    const dotted = `torchvision.transforms.v2.${name}`;
    const ofImages = targets[dotted] as Target;
    const invoke: Target["invoke"] = async (args, kwargs) => {
      const { isBatchTransform, RandomBatchApply, RandomBatchChoice } = await import("@classifier-training/vision");
      const { transforms = args[0], p = args[1] } = kwargs;
      if (!Array.isArray(transforms) || !transforms.some(isBatchTransform)) return ofImages.invoke(args, kwargs);
      // Their schemas check what is given.
      const options = { transforms, ...(p !== undefined && { p }) } as never;
      return name === "RandomApply" ? new RandomBatchApply(options) : new RandomBatchChoice(options);
    };
    return [dotted, { ...ofImages, invoke }];
  };
  return { ...targets, ...Object.fromEntries([container("RandomApply"), container("RandomChoice")]) };
}

/** Lightning's, with a trainer that knows the batches of the product's loaders. */
async function loadLightning() {
  const { targets } = await import("@classifier-training/lightning");
  const { countingBatches } = await import("./training/trainer-target.ts");
  return Object.fromEntries(
    Object.entries(targets).map(([name, target]) => [name, /\.Trainer$/.test(name) ? countingBatches(target) : target]),
  );
}

let registered = false;

/**
 * Makes everything known that a configuration may name. A package is loaded when one of its names is first used: `--help`
 * and `--cfg` load none.
 */
export function registerAll(): void {
  if (registered) return;
  registered = true;
  for (const [names, load] of packages) registerTargets(names, load);
  registerExtensions();
  registerResizeSize();
  registerDataName();
}
