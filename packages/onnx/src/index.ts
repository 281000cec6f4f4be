export { type CheckOptions, type CheckReport, checkOnnx } from "./check.ts";
export { OnnxError } from "./errors.ts";
export { type DynamicAxes, type ExportedModel, type ExportOptions, exportOnnx, type Port } from "./export.ts";
export { GraphBuilder, type Value } from "./graph/builder.ts";
export type { Dim, DynamicDim } from "./graph/dims.ts";
export type { Converter, OpCall } from "./ops/call.ts";
export { convertibleOps, registerConverter } from "./ops/table.ts";
export { type AttributeValue, float } from "./proto/build.ts";
export type { Exportable } from "./trace.ts";
