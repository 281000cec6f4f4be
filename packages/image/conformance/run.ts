import { distributionCases } from "./distributions.ts";
import { conformance, type Section } from "./section.ts";
import { transformCases } from "./transforms.ts";

/** Every recorded file that this package answers, in the order of the report. */
export const sections: readonly Section[] = [
  { file: "transforms.json", run: transformCases },
  { file: "transforms_distributions.json", run: distributionCases },
];

if (process.argv[1] === import.meta.filename) await conformance("image", sections);
