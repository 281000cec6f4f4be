export { type BatchNormActOptions, type BatchNormState, batchNormAct } from "./batch-norm-act.ts";
export { multipliesBfloat16 } from "./kernel-set.ts";
export { type NormalizeImagesOptions, normalizeImages } from "./normalize-images.ts";
