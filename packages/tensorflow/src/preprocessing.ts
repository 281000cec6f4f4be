/** How an image becomes the network's input: values 0 to 1, minus `mean`, divided by `std`, in RGB order. */
export interface ImagePreprocessing {
  readonly colorOrder: "RGB" | "BGR";
  readonly layout: "NCHW" | "NHWC";
  readonly height: number | undefined;
  readonly width: number | undefined;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}
