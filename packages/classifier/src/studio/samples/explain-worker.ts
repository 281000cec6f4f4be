import { CtError } from "@classifier-training/base";
import { Preprocessor } from "@classifier-training/inference";
import { fromTypedArray, noGrad, setNumThreads, type Tensor } from "@classifier-training/torch";
import { byteImage, encodePng } from "@classifier-training/vision";
import { gradCam, lastFeatureStage } from "../../callbacks/class-activation.ts";
import { denormalized } from "../../callbacks/pixels.ts";
import type { Normalization } from "../../data/preprocessing.ts";
import { heatOverlay } from "../../drawing/heat-overlay.ts";
import { type OpenedCheckpoint, openCheckpoint } from "../../model/recipe.ts";
import { checkpointOfRun } from "../../training/checkpoints.ts";
import type { ExplainAnswer, ExplainTask } from "./explainer.ts";

interface Opened extends OpenedCheckpoint {
  readonly path: string;
  readonly preprocessor: Preprocessor;
}

/** The checkpoint that was asked for last stays open. */
let opened: Opened | undefined;

/** Longest side in pixels. */
const overlaySide = 360;

// A training beside it has the other cores.
setNumThreads(1);

process.on("message", (task: ExplainTask) => {
  explain(task).then(
    (png) => process.send?.({ id: task.id, png: Buffer.from(png).toString("base64") } satisfies ExplainAnswer),
    (error: unknown) => process.send?.({ id: task.id, problem: sentenceOf(error) } satisfies ExplainAnswer),
  );
});
// The server is gone.
process.on("disconnect", () => process.exit());

async function explain({ run, image, className }: ExplainTask): Promise<Uint8Array> {
  const { model, recipe, preprocessor } = await open(run);
  const { class_to_idx: indices, normalization } = recipe.labels;
  const index = Object.hasOwn(indices, className) ? indices[className] : undefined;
  if (index === undefined) throw new CtError({ code: "samples/class", what: `the model has no class '${className}'` });
  const input = await preprocessor.prepare(Buffer.from(image, "base64"), 0);
  const { height, width } = preprocessor;
  const images: Tensor = fromTypedArray(input, [1, 3, height, width]);
  try {
    const stage = lastFeatureStage(model.model, images);
    const [map] = stage === undefined ? [] : gradCam(model.model, stage, images, [index]);
    const [pixels] = noGrad(() => denormalized(images, normalization as Normalization));
    if (map === undefined || pixels === undefined)
      throw new CtError({ code: "samples/explain", what: "no Grad-CAM: the network has no feature maps" });
    const overlay = heatOverlay({ ...pixels, map }, overlaySide);
    return await encodePng(byteImage(Uint8Array.from(overlay.pixels), overlay.width, overlay.height));
  } finally {
    images.dispose();
  }
}

async function open(run: string): Promise<Opened> {
  const path = checkpointOfRun(run);
  if (opened?.path === path) return opened;
  const checkpoint = openCheckpoint(path);
  opened = { ...checkpoint, path, preprocessor: await Preprocessor.open(checkpoint.recipe.labels) };
  return opened;
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
