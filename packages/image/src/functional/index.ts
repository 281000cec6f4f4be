export type { Image } from "../image.ts";
export { adjustSharpness, gaussianBlur, gaussianKernel } from "./blur.ts";
export type { ResampleFilter } from "./coefficients.ts";
export {
  adjustBrightness,
  adjustContrast,
  adjustGamma,
  adjustSaturation,
  autocontrast,
  equalize,
  invert,
  permuteChannels,
  posterize,
  solarize,
  toGrayscale,
} from "./color.ts";
export { bytesThrough, convert } from "./convert.ts";
export {
  centerCrop,
  crop,
  type Fill,
  fiveCrop,
  horizontalFlip,
  type Padding,
  type PaddingMode,
  pad,
  tenCrop,
  verticalFlip,
} from "./crop.ts";
export { downAndUp, zoomIn, zoomOut } from "./degrade.ts";
export { elastic, elasticDisplacement } from "./elastic.ts";
export {
  type AffineParams,
  affine,
  type Points,
  perspective,
  perspectiveCoefficients,
  rotate,
  type WarpOptions,
} from "./geometry.ts";
export { adjustHue } from "./hue.ts";
export { type JitterParams, jitterColors } from "./jitter.ts";
export { jpegRoundTrip } from "./jpeg.ts";
export { addGaussianNoise, addNoise } from "./noise.ts";
export { applyOrientation, type Orientation, orientations } from "./orientation.ts";
export type { Box } from "./resample.ts";
export { type Interpolation, type ResizeOptions, resize, resizeAsPillow, resizedCrop } from "./resize.ts";
export type { WarpInterpolation } from "./warp.ts";
