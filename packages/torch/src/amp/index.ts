export { type AutocastOptions, autocast, autocastDtype, isAutocastEnabled } from "./autocast.ts";
export { GradScaler, type GradScalerOptions, type GradScalerState, type ScaledOptimizer } from "./grad-scaler.ts";
