import { TorchError } from "../errors.ts";

/** An error in how a layer was made or called. */
export function nnError(what: string, fix?: string): TorchError {
  return new TorchError({ code: "torch/nn", what, fix });
}
