import { CtError } from "@classifier-training/base";

/** An error of the torch package: what LibTorch or the tensor layer refused, with the operator and its arguments. */
export class TorchError extends CtError {}

/** The native addon cannot be loaded. */
export class NativeLoadError extends TorchError {}

/** A tensor was used after it had been freed. */
export class DisposedError extends TorchError {}
