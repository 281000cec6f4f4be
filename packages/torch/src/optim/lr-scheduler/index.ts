export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./cosine.ts";
export { CyclicLR } from "./cyclic.ts";
export { LambdaLR, type LrLambda, MultiplicativeLR } from "./lambda.ts";
export { OneCycleLR } from "./one-cycle.ts";
export { ReduceLROnPlateau } from "./plateau.ts";
export { LRScheduler, type ScheduledOptimizer, type Scheduler, type SchedulerState } from "./scheduler.ts";
export { ChainedScheduler, SequentialLR } from "./sequential.ts";
export { ExponentialLR, MultiStepLR, PolynomialLR, StepLR } from "./step.ts";
export {
  CosineLRScheduler,
  MultiStepLRScheduler,
  PolyLRScheduler,
  StepLRScheduler,
  TanhLRScheduler,
} from "./timm.ts";
export { ConstantLR, LinearLR } from "./warm-up.ts";
export { LinearWarmupCosineAnnealingLR, WarmupSchedule, type WarmupScheduleKind } from "./with-warm-up.ts";
