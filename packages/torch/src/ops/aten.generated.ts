// Written by scripts/generate-aten.ts. Do not edit.
// biome-ignore lint/complexity/noBannedTypes: filled by the generator
export type AtenOperators = {};
