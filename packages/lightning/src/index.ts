export * from "./loggers/index.ts";
