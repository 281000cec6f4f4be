export * from "./omegaconf/index.ts";
