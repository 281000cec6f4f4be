export * from "./loggers/index.ts";
export * from "./metrics/index.ts";
