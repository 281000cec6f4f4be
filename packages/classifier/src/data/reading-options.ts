import { fileURLToPath } from "node:url";
import { CtError, camelCaseKeys, parseOptions, snakeCase } from "@classifier-training/base";
import { type DictConfig, load, parseOverride, toContainer } from "@classifier-training/hydra";
import { type ReadingOptions, readingOptionsSchema } from "./options.ts";

const photos = fileURLToPath(new URL("../../conf/data/photos.yaml", import.meta.url));

/**
 * How `classifier train PATH` would read and split its data with these overrides (`data.folds=5`).
 * @param given options that say more than the overrides
 * @throws CtError for a word that is not such an override
 */
export function readingOptionsOf(words: readonly string[] = [], given: Partial<ReadingOptions> = {}): ReadingOptions {
  const known = Object.keys(readingOptionsSchema.shape);
  const written = camelCaseKeys(readingOptionsSchema, toContainer(load(photos) as DictConfig, { resolve: true }));
  const defaults = Object.entries(written as object).filter(([key]) => known.includes(key));
  return parseOptions("data", readingOptionsSchema, {
    ...Object.fromEntries(defaults),
    ...(camelCaseKeys(readingOptionsSchema, Object.fromEntries(words.map(optionIn))) as object),
    ...given,
  });
}

/** Those of a training's overrides that say how its data is read and split. */
export function readingWords(overrides: readonly string[]): string[] {
  const known = Object.keys(readingOptionsSchema.shape).map(snakeCase);
  return overrides.filter((word) => known.includes(/^\+{0,2}data\.(\w+)=/.exec(word)?.[1] ?? ""));
}

function optionIn(word: string): [key: string, value: unknown] {
  const override = parseOverride(word);
  if (!override.isSweep && !override.isDelete) return [override.keyOrGroup.slice("data.".length), override.value()];
  throw new CtError({
    code: "classifier/data-option",
    what: `expected data.KEY=VALUE, received ${word}`,
    fix: "give one value, as in data.folds=5",
  });
}
