import { nn, type Tensor } from "@classifier-training/torch";

/** A part of a model between its input and its head, in the order of the data: what is frozen or given its own rate. */
export interface Stage {
  readonly name: string;
  /** Paths of the modules, and of single parameters, that belong to it. */
  readonly modules: readonly string[];
}

/** A classifier of images: [N, 3, H, W] to logits [N, numClasses]. */
export abstract class ImageModel extends nn.Module {
  /** Path of the linear layer that gives the logits, e.g. `fc` or `classifier.3`. */
  abstract readonly headPath: string;
  /** From the stem to the last block; the head is in none of them. */
  abstract readonly stages: readonly Stage[];

  /** @param x [N, 3, H, W], float. @returns logits [N, numClasses]. */
  abstract override forward(x: Tensor): Tensor;
}
