export * from "./activation.ts";
export {
  type AttentionArguments,
  attention,
  scaledDotProductAttention,
} from "./attention.ts";
export * from "./conv.ts";
export {
  type DropoutArguments,
  dropout,
  dropout2d,
  type StochasticDepthMode,
  stochasticDepth,
} from "./dropout.ts";
export * from "./linear.ts";
export * from "./loss.ts";
export * from "./norm.ts";
export * from "./pad.ts";
export * from "./pooling.ts";
export type { Size2d } from "./size.ts";
