export { type BatchNormActOptions, type BatchNormState, batchNormAct } from "./batch-norm-act.ts";
export { multipliesBfloat16 } from "./kernel-set.ts";
export { type MaxPoolGeometry, maxPool2d } from "./max-pool.ts";
export { type NormalizeImagesOptions, normalizeImages } from "./normalize-images.ts";
export {
  type AdamStep,
  adamwStep,
  canFuseStep,
  gradNorm,
  type SgdStep,
  scaleGradients,
  sgdStep,
} from "./optimizer-step.ts";
export { fusedKernelsEnabled, setFusedKernels } from "./switch.ts";
