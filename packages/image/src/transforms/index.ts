export * from "./aug-mix.ts";
export { AutoAugment } from "./auto-augment.ts";
export * from "./color.ts";
export * from "./containers.ts";
export * from "./conversions.ts";
export * from "./crops.ts";
export * from "./degradations.ts";
export { beta } from "./distributions.ts";
export * from "./geometry.ts";
export * from "./normalize.ts";
export * from "./rand-augment.ts";
export { RandomErasing, sampleErasedBox } from "./random-erasing.ts";
export { buildNamedTransform, buildTransform, namedSpec, transforms } from "./registry.ts";
export { Resize } from "./resize.ts";
export {
  defineFixedTransform,
  defineTransform,
  isTransform,
  rngOf,
  runAll,
  type Transform,
  type TransformContext,
  type TransformFactory,
  type TransformSpec,
} from "./transform.ts";
export { TrivialAugmentWide } from "./trivial-augment-wide.ts";
