import { CtError } from "@classifier-training/base";

/** A file that is not what its format demands: torn, corrupt, hostile, or of another kind. */
export class SerializationError extends CtError {}

export function badFile(where: string, what: string, fix?: string): SerializationError {
  return new SerializationError({ code: "torch/serialization", what, where, fix });
}
