import type { OnnxGraph } from "@classifier-training/onnx";

/** What a reader gives. */
export interface TensorflowNetwork {
  /** Images in and out are float32 `[N, C, H, W]`; the input is what the network computes with, after normalization. */
  readonly graph: OnnxGraph;
  /** Undefined where the file does not say it. */
  readonly preprocessing: ImagePreprocessing | undefined;
  /** Names of the outputs' classes, in their order, if the file has them. */
  readonly labels: readonly string[] | undefined;
}

/** How an image becomes the network's input: values 0 to 1, minus `mean`, divided by `std`, in RGB order. */
export interface ImagePreprocessing {
  readonly colorOrder: "RGB" | "BGR";
  readonly layout: "NCHW" | "NHWC";
  readonly height: number | undefined;
  readonly width: number | undefined;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}
