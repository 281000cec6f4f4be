import { CtError } from "@classifier-training/base";

/** An error of this package: bytes that cannot be decoded, a bad option of a transform, too little memory for an image. */
export class ImageError extends CtError {}
