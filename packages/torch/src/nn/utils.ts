export {
  type ClipGradNormOptions,
  clipGradNorm_,
  clipGradValue_,
  getTotalNorm,
  parametersToVector,
  vectorToParameters,
} from "./gradients.ts";
