import { CtError } from "@classifier-training/base";

/** An error of the image pipeline: a file that cannot be decoded, bad annotations, a bad option, a dead worker. */
export class VisionError extends CtError {}
