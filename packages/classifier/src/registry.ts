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
  [image, async () => (await import("@classifier-training/image")).targets],
  [torch, async () => (await import("@classifier-training/torch")).targets],
  [vision, async () => (await import("@classifier-training/vision")).targets],
  [lightning, loadLightning],
  [loggers, async () => (await import("@classifier-training/loggers")).targets],
  [own, async () => (await import("./targets.ts")).targets],
];

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
