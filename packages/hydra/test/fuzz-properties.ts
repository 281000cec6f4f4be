// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import fc from "fast-check";
import { create, HydraError, select, toRaw, toYaml } from "../src/index.ts";
import { parseElement, parseInterpolation } from "../src/omegaconf/interpolation/parse.ts";
import { loadYaml } from "../src/yaml/load.ts";
import { overrideProperties } from "./fuzz-overrides.ts";

const yamlPieces = [
  ..."ab01-:?,[]{}#&*!|>'\"%@`\\\t\n =~.<",
  ...[
    "\n  ",
    "\n- ",
    ": ",
    "- ",
    "? ",
    " #",
    "&a ",
    "*a",
    "!!int ",
    "!!str ",
    "!!float ",
    "!",
    "|\n",
    ">-\n",
    "<<: *a",
  ],
  ...["---", "...", "%YAML 1.1\n", "%TAG ! x\n", "0x1f", "1_0", "1e3", "1:30", ".inf", "null", "yes", "\r\n", "\u2028"],
  ...["\ufeff", "\0", "é", "😀", "\ud800", "a: b\n", "- x\n", "{a: 1}", "[1, 2]", "${a}", "\\x41", "\\u00e9", "'q'"],
];
const grammarPieces = [
  ..."ab01.:,[]{}$\\'\" \t-_+*/@%?|()=!\n",
  ...[
    "${",
    "${a}",
    "${.a}",
    "${..a}",
    "${a[0]}",
    "${oc.env:X,1}",
    "${oc.select:a}",
    "${oc.decode:'[1]'}",
    "\\${",
    "\\\\",
  ],
  ...[
    "${oc.create:{a:1}}",
    "${oc.dict.keys:b}",
    "null",
    "true",
    "1e5",
    "nan",
    "-inf",
    "1_000",
    "'x'",
    '"y"',
    "é",
    "😀",
  ],
];

const yamlText = fc.array(fc.constantFrom(...yamlPieces), { maxLength: 30 }).map((parts) => parts.join(""));
const grammarText = fc.array(fc.constantFrom(...grammarPieces), { maxLength: 25 }).map((parts) => parts.join(""));

/** Longer than anything takes, even on a busy machine. */
const longestMs = 2_000;

/** Runs `action`, which may throw the package's own errors and nothing else, and may not take long. */
function contained(action: () => void): void {
  const start = performance.now();
  try {
    action();
  } catch (error) {
    if (!(error instanceof HydraError)) throw error;
  }
  const took = performance.now() - start;
  if (took > longestMs) throw new RangeError(`took ${Math.round(took)} ms`);
}

export interface NamedProperty {
  readonly name: string;
  readonly property: fc.IProperty<[string]>;
}

/** What holds for every text. */
export const properties: readonly NamedProperty[] = [
  {
    name: "the YAML loader reads any text or refuses it with an error of its own",
    property: fc.property(fc.oneof(yamlText, fc.string({ unit: "binary" })), (text) =>
      contained(() => void loadYaml(text)),
    ),
  },
  {
    name: "what toYaml writes reads back as the same value",
    property: fc.property(yamlText, (text) =>
      contained(() => {
        const config = create(text);
        const again = create(toYaml(config));
        const [before, after] = [toYaml(config), toYaml(again)];
        if (before !== after) throw new TypeError(`${JSON.stringify(before)} became ${JSON.stringify(after)}`);
      }),
    ),
  },
  {
    name: "the interpolation parser reads any text or refuses it with an error of its own",
    property: fc.property(fc.oneof(grammarText, fc.string({ unit: "binary" })), (text) => {
      contained(() => void parseInterpolation(text));
      contained(() => void parseElement(text));
    }),
  },
  {
    name: "resolving and selecting any text ends, with a value or an error of the package's own",
    property: fc.property(grammarText, (text) => {
      const tree = { a: text, b: { c: 1, d: text }, l: [text, 2] };
      contained(() => void toRaw(create(tree), { resolve: true }));
      contained(() => void select(create({ b: { c: 1 }, l: [1] }), text));
    }),
  },
  ...overrideProperties,
];
