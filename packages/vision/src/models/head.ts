import { nn } from "@classifier-training/torch";
import { ModelError } from "./errors.ts";
import type { ImageModel } from "./image-model.ts";
import { moduleAt, replaceModule } from "./paths.ts";

/**
 * Replaces the last linear layer by a new one for another number of classes, with PyTorch's default initialization of
 * linear layers; the rest of the model stays.
 * @returns the new head.
 */
export function replaceHead(model: ImageModel, numClasses: number): nn.Linear {
  const old = moduleAt(model, model.headPath);
  if (!(old instanceof nn.Linear)) {
    throw new ModelError({ code: "models/head", what: `${model.headPath} is not a linear layer anymore` });
  }
  const head = new nn.Linear(old.inFeatures, numClasses, { bias: old.bias !== null });
  head.to({ dtype: old.weight.dtype, device: old.weight.device });
  replaceModule(model, model.headPath, head);
  return head;
}
