import { CtError } from "@classifier-training/base";

/** A model cannot be built, changed or fed as asked. */
export class ModelError extends CtError {}
