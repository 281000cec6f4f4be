export { AugMix } from "./aug-mix.ts";
export { AutoAugment } from "./auto-augment.ts";
export { CenterCrop } from "./center-crop.ts";
export { ColorJitter } from "./color-jitter.ts";
export { Compose } from "./compose.ts";
export { ConvertImageDtype } from "./convert-image-dtype.ts";
export { beta } from "./draws.ts";
export { ElasticTransform } from "./elastic-transform.ts";
export { GaussianBlur } from "./gaussian-blur.ts";
export { GaussianNoise } from "./gaussian-noise.ts";
export { Grayscale } from "./grayscale.ts";
export { Identity } from "./identity.ts";
export { JPEG } from "./jpeg.ts";
export { imagenetMean, imagenetStd, Normalize } from "./normalize.ts";
export { Pad } from "./pad.ts";
export { PILToTensor } from "./pil-to-tensor.ts";
export { RandAugment } from "./rand-augment.ts";
export { RandomAdjustSharpness } from "./random-adjust-sharpness.ts";
export { RandomAffine } from "./random-affine.ts";
export { RandomApply } from "./random-apply.ts";
export { RandomAutocontrast } from "./random-autocontrast.ts";
export { RandomBilinearDownscale } from "./random-bilinear-downscale.ts";
export { RandomChannelPermutation } from "./random-channel-permutation.ts";
export { RandomChoice } from "./random-choice.ts";
export { RandomCrop } from "./random-crop.ts";
export { RandomEqualize } from "./random-equalize.ts";
export { RandomErasing, sampleErasedBox } from "./random-erasing.ts";
export { RandomGaussianNoise } from "./random-gaussian-noise.ts";
export { RandomGrayscale } from "./random-grayscale.ts";
export { RandomHorizontalFlip } from "./random-horizontal-flip.ts";
export { RandomInvert } from "./random-invert.ts";
export { RandomJPEGCompression } from "./random-jpeg-compression.ts";
export { RandomOrder } from "./random-order.ts";
export { RandomPerspective } from "./random-perspective.ts";
export { RandomPhotometricDistort } from "./random-photometric-distort.ts";
export { RandomPixelate } from "./random-pixelate.ts";
export { RandomPosterize } from "./random-posterize.ts";
export { RandomResizedCrop, sampleCropBox } from "./random-resized-crop.ts";
export { RandomRotation } from "./random-rotation.ts";
export { RandomSolarize } from "./random-solarize.ts";
export { RandomVerticalFlip } from "./random-vertical-flip.ts";
export { RandomZoomIn } from "./random-zoom-in.ts";
export { RandomZoomOut } from "./random-zoom-out.ts";
export { buildNamedTransform, buildTransform, namedSpec, transforms } from "./registry.ts";
export { Resize } from "./resize.ts";
export { RGB } from "./rgb.ts";
export { ToDtype } from "./to-dtype.ts";
export { ToFloat32Tensor } from "./to-float32-tensor.ts";
export { ToImage } from "./to-image.ts";
export { ToPILImage } from "./to-pil-image.ts";
export { ToPureTensor } from "./to-pure-tensor.ts";
export { ToTensor } from "./to-tensor.ts";
export {
  defineContainer,
  defineFixedTransform,
  defineTransform,
  isTransform,
  rngOf,
  runAll,
  type Transform,
  type TransformContext,
  type TransformFactory,
  type TransformSpec,
  transformOption,
} from "./transform.ts";
export { TrivialAugmentWide } from "./trivial-augment-wide.ts";
