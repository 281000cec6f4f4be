/** What runs in browsers, too; the rest of this package needs Node.js. */

export { type CsvRow, csvField, csvFields, csvText, parseCsv } from "./csv.ts";
export { CtError, internalError, type Problem } from "./errors.ts";
export { floatRepr } from "./float-repr.ts";
export {
  type OptionSpelling,
  registerOptionNames,
  setOptionSpelling,
} from "./option-names.ts";
export { parseOptions, receivedText, type Schema } from "./options.ts";
export { curveColors, plotBackgrounds } from "./palette.ts";
export { retryAfterMs } from "./retry-after.ts";
export { Rng } from "./rng.ts";
export { camelCaseKeys, snakeCaseKeys } from "./schema.ts";
export {
  type Advice,
  type ForeignOption,
  foreignOptionAdvice,
  type OptionsSchema,
  optionsTarget,
  refusedTarget,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "./target.ts";
export {
  camelCase,
  comparePython,
  didYouMean,
  editDistance,
  nearestName,
  plural,
  printable,
  printableJson,
  shellWord,
  shortened,
  snakeCase,
  suggestion,
} from "./text.ts";
export { readZipDirectory, type ZipEntry, type ZipSource, zipDataStart } from "./zip-directory.ts";
