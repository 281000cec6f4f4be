import { CtError } from "@classifier-training/base";

/** A file that violates its format (truncated, corrupt, hostile, of another kind), or a value that it cannot hold. */
export class SerializationError extends CtError {}

export function badFile(where: string, what: string, fix?: string): SerializationError {
  return new SerializationError({ code: "torch/serialization", what, where, fix });
}
