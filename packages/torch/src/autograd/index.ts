export { detectAnomaly } from "./anomaly.ts";
export { backward, type GradOptions, grad } from "./backward.ts";
export { AutogradFunction as Function, FunctionContext } from "./function.ts";
export { type GradcheckOptions, gradcheck, gradgradcheck } from "./gradcheck.ts";
