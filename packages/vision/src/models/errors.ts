import { CtError } from "@classifier-training/base";

/** A model that cannot be built or changed, or an input that does not fit it. */
export class ModelError extends CtError {}
