/** Jersey numbers: the worked example of an extension. */

export { ensureDemoData } from "./demo-data.ts";
export { NumberReader, numberReaders } from "./number-reader/number-reader.ts";
export { ocrModelPath } from "./number-reader/ocr-weights.ts";
export { OrientationCorrection } from "./orientation-correction.ts";
export { isSyntheticFile, type SynthPlace, synthPlace } from "./synthetic/layout.ts";
export { replaceSynthetic } from "./synthetic/replace-synthetic.ts";
export { expandTarget, fillRareClasses, parseColorTarget, requireNumbers } from "./synthetic/requests.ts";
export { SyntheticNumbers, syntheticNumbersOptionsSchema } from "./synthetic/synthetic-numbers.ts";
export { writeSynthetic } from "./synthetic/write-synthetic.ts";
export { targets } from "./targets.ts";
export { TrimBars, trimBars } from "./trim-bars.ts";
