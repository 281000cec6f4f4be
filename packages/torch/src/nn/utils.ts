export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradValue_,
} from "./gradients.ts";
