import { CtError } from "@classifier-training/base";

/** A TensorFlow Lite or TensorFlow.js file is damaged, or has something that cannot be read. */
export class TensorflowError extends CtError {}
