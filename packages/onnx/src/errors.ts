import { CtError } from "@classifier-training/base";

/** A model cannot be exported to ONNX, converted, or does not compute what it should. */
export class OnnxError extends CtError {}
