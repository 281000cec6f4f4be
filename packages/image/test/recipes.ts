import {
  CenterCrop,
  ColorJitter,
  Compose,
  GaussianBlur,
  imagenetMean,
  imagenetStd,
  Normalize,
  RandomAffine,
  RandomApply,
  RandomBilinearDownscale,
  RandomChoice,
  RandomErasing,
  RandomGaussianNoise,
  RandomHorizontalFlip,
  RandomJPEGCompression,
  RandomPerspective,
  RandomPixelate,
  RandomResizedCrop,
  RandomZoomIn,
  RandomZoomOut,
  Resize,
  ToFloat32Tensor,
  type Transform,
} from "@classifier-training/image";

/** Pipelines of tests and benchmarks: `transforms=default`, `basketball_jersey` and their validation. */

export interface PipelineOptions {
  /** Side of the square that the model sees, in pixels. */
  readonly imageSize?: number;
  readonly mean?: number[];
  readonly std?: number[];
}

const tail = ({ mean = imagenetMean, std = imagenetStd }: PipelineOptions) => [
  ToFloat32Tensor(),
  Normalize({ mean, std }),
];

/** The training pipeline `default`. */
export function defaultTrainPipeline(options: PipelineOptions = {}): Transform {
  return Compose({
    transforms: [
      RandomResizedCrop({ size: options.imageSize ?? 224 }),
      RandomHorizontalFlip(),
      ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }),
      ...tail(options),
    ],
  });
}

/** The training pipeline `basketball_jersey`: never a horizontal flip, which would make other numbers. */
export function basketballJerseyTrainPipeline(options: PipelineOptions = {}): Transform {
  return Compose({
    transforms: [
      RandomResizedCrop({ size: options.imageSize ?? 224 }),
      RandomAffine({ degrees: 25, translate: [0.1, 0.1], scale: [0.85, 1.15], shear: [-15, 15] }),
      RandomPerspective({ distortionScale: 0.3, p: 0.4 }),
      ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }),
      GaussianBlur({ kernelSize: 7, sigma: [0.5, 3.5] }),
      RandomApply({
        p: 0.85,
        transforms: [
          RandomJPEGCompression({ qualityMin: 5, qualityMax: 55, p: 0.7 }),
          RandomPixelate({ scaleMin: 0.1, scaleMax: 0.5, p: 0.4 }),
          RandomBilinearDownscale({ scaleMin: 0.1, scaleMax: 0.45, p: 0.5 }),
          RandomGaussianNoise({ sigmaMin: 10, sigmaMax: 40, p: 0.6 }),
          RandomChoice({
            transforms: [
              RandomZoomIn({ minScale: 0.5, maxScale: 1, p: 1 }),
              RandomZoomOut({ minScale: 1.1, maxScale: 2, p: 1 }),
            ],
          }),
        ],
      }),
      ...tail(options),
      RandomErasing({ p: 0.3, scale: [0.02, 0.2] }),
    ],
  });
}

/** The pipeline of validation and test. The shorter side becomes 8/7 of the image size: 256 for 224. */
export function validationPipeline(options: PipelineOptions & { readonly resizeSize?: number } = {}): Transform {
  const imageSize = options.imageSize ?? 224;
  return Compose({
    transforms: [
      Resize({ size: options.resizeSize ?? Math.round((imageSize * 256) / 224) }),
      CenterCrop({ size: imageSize }),
      ...tail(options),
    ],
  });
}

/** The training pipelines by name. */
export const trainPipelines: Readonly<Record<string, (options?: PipelineOptions) => Transform>> = {
  default: defaultTrainPipeline,
  basketball_jersey: basketballJerseyTrainPipeline,
};
