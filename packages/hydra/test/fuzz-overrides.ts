// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import fc from "fast-check";
import { HydraError, parseOverride } from "../src/index.ts";
import { elementText } from "../src/overrides/override.ts";
import { parseValue } from "../src/overrides/parser.ts";
import type { NamedProperty } from "./fuzz-properties.ts";

const pieces = [
  ..."ab01.:,[]{}()$\\'\" \t-_+*/@%?|=!~\n#",
  ...[
    "key=",
    "+a.b=",
    "++",
    "~g",
    "db@pkg=",
    "a/b=",
    "${x.y}",
    "1e5",
    "-inf",
    "nan",
    "inf",
    "null",
    "True",
    "1_000",
    "\\,",
    "\\\\",
  ],
  ...[
    "choice(",
    "range(",
    "interval(",
    "glob(",
    "sort(",
    "shuffle(",
    "tag(",
    "int(",
    "float(",
    "str(",
    "bool(",
    "json_str(",
  ],
  ...[
    "extend_list(",
    "remove_list(",
    "reverse=true",
    "exclude=",
    "'x'",
    '"y"',
    "é",
    "😀",
    "\ud800",
    "9007199254740993",
  ],
];
const overrideText = fc
  .array(fc.constantFrom(...pieces), { maxLength: 25 })
  .map((parts) => parts.join(""))
  .chain((text) => fc.constantFrom(text, `k=${text}`));
const anyText = fc.oneof(
  { weight: 3, arbitrary: overrideText },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof HydraError) return undefined;
    throw error;
  }
}

/** What holds for every override. */
export const overrideProperties: readonly NamedProperty[] = [
  {
    name: "the override parser reads any text or refuses it with an error of its own",
    property: fc.property(anyText, (text) => {
      const start = performance.now();
      const override = parsed(() => parseOverride(text));
      if (override?.isDiscreteSweep) {
        parsed(() => {
          let count = 0;
          for (const _ of override.sweepTexts(() => ["a", "b"])) if (++count === 50) break;
        });
      }
      const took = performance.now() - start;
      if (took > 2_000) throw new RangeError(`took ${Math.round(took)} ms`);
    }),
  },
  {
    name: "a value written back in the override grammar parses to the same text",
    property: fc.property(anyText, (text) => {
      const value = parsed(() => parseValue(text));
      const written = value === undefined ? undefined : parsed(() => elementText(value));
      // An interpolation is written with its braces escaped, as in Hydra: it is then no interpolation any more.
      if (written === undefined || written === "" || /\$|nan/i.test(written)) return;
      const again = parsed(() => elementText(parseValue(written)));
      if (again !== written && !/[^\x20-\x7e]|[#!;<>^`&~]/.test(written)) {
        throw new TypeError(`${JSON.stringify(written)} became ${JSON.stringify(again)}`);
      }
    }),
  },
];
