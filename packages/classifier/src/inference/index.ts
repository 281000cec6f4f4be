/** `classifier-training/inference` is `@classifier-training/inference`. */
export * from "@classifier-training/inference";
