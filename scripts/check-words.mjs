// The words of the field: names, comments, docs and messages use the terms that users of PyTorch, Lightning, Hydra and
// npm search for, in US spelling. `node scripts/check-words.mjs packages/torch` looks at a part only.
import { readFileSync } from "node:fs";
import process from "node:process";
import { endCheck, root, trackedFiles } from "./exec.mjs";

/** What is not written, and what is written instead. Identifiers are split into their words first. */
const terms = [
  [/\bpictures?\b/, "image"],
  [/\bdata sets?\b/, "dataset"],
  [/\bset-?ups?\b(?<!setup|setups)/, "setup"],
  [/\bsurest\b/, "most confident"],
  [/\blikeliest\b/, "top-k, most probable"],
  [/\bupright\b/, "orientation"],
  [/\bas published\b/, "keep_original_fraction"],
  [/\btorn\b/, "truncated, partially written"],
  [/\bdealt\b/, "sharded"],
  [/\b(goes|go|going|went) on(?! (the|a|to the|disk|stdout|stderr)\b)/, "continues, resumes"],
  [/\bmend(s|ed|ing)?\b/, "fix"],
  [/\btold\b/, "given; set"],
  [/(?<!there )\b(is|are|was|were) no (?!longer\b|more\b|such\b|way\b|need\b)/, "is not a(n) ..., invalid ..."],
  [/(?<!there )\b(is|are) none\b/, "is not a(n) ..."],
  [/\bof one's own\b/, "custom"],
  [/\bwhole numbers?\b/, "integer"],
  [/\bfingerprint\w*\b/, "content hash; run signature"],
  [/\bkeepers?\b/, "checkpoint callback"],
  [/(?<!web )(?<!web)\bassembly\b/, "components"],
  [/\breplay certificates?\b/, "determinism log"],
  [/\bcompare paired\b/, "mcnemarTest"],
  [/\bfor ranges\b/, "parallelFor"],
  [/\bforeign load\b/, "otherProcessCpuLoad"],
  [/\bthinned\b/, "downsampled"],
  [/\b(is|are|be|was|were) drawn\b|\bdraws\b/, "sampled (random), rendered (synthetic), plotted (charts)"],
  // US spelling.
  [
    /\b(normal|initial|serial|optim|recogn|organ|synchron|summar|quant|vector|parallel|random|visual)is(e|es|ed|ing|ation|er|ers)\b/,
    "-ize",
  ],
  [/\b\w*colou?r(?<!color)\w*\b/, "color"],
  [/\b(behaviou|honou|favou|neighbou)r\w*/, "-or"],
  [/\blicences?\b/, "license"],
  [/\blabell(ed|ing)\b/, "labeled"],
  [/\bmodell(ed|ing)\b/, "modeled"],
  [/\bgrey(s|scale)?\b/, "gray"],
  [/\bcent(re|red|res)\b/, "center"],
  [/\banalys(e|ed|es|ing)\b/, "analyze"],
  [/\bcatalogues?\b/, "catalog"],
  [/\bartefacts?\b/, "artifact"],
];

/** What is not looked at, and per file what may stand there: names of other libraries, old names that configurations use. */
const unread = /^LICENSE$|package-lock\.json$|(^|\/)fixtures\/|\.generated\.ts$|check-words\.mjs$/;
const allowed = [
  [/^packages\//, /toColou?rspace|["'`.]Greys/],
  [/^packages\/torch\/native\//, /\.isNone\(\)/],
  // Names in configurations and checkpoints of earlier versions.
  [/^packages\/(lightning|classifier)\/.*\.ts$/, /"ReplayCertificate"|ReplayCertificate: /],
  [/^packages\/lightning\/src\/checkpoint\/format\.ts$/, /fingerprint/],
  [/^packages\/runs\/src\/bundle-manifest\.ts$|\/hostile-model\.test\.ts$/, /picture/],
  [
    /^packages\/jersey\/|^docs\/train-from-scratch\.md$|\/precision\.test\.ts$/,
    /upright:|UprightCallback|callbacks\.upright|as.published/,
  ],
  [/^packages\/jersey\/src\/synthetic\/(palette|synthetic\.test)\.ts$/, /\bgrey\b/],
  [/^packages\/classifier\//, /(training|validation)Pictures|as comparePaired/],
  [/^packages\/inference\/src\/index\.ts$/, /as Picture/],
  [/^CONTRIBUTING\.md$/, /instead of/],
  [/^packages\/lightning\/test\/checkpoint-state\.test\.ts$/, /Keeper/],
];

const words = (line) =>
  line
    .replace(/WebAssembly/g, "webassembly")
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .replace(/_/g, " ")
    .toLowerCase();

const folders = process.argv.slice(2);
const files = trackedFiles(...folders);

let looked = 0;
const problems = [];
for (const file of files) {
  if (unread.test(file)) continue;
  const excused = allowed.filter(([path]) => path.test(file)).map(([, line]) => line);
  const text = readFileSync(`${root}${file}`, "utf8");
  if (text.includes("\0")) continue;
  looked++;
  const check = (line, where) => {
    const spoken = words(line);
    for (const [pattern, instead] of terms) {
      const found = pattern.exec(spoken)?.[0];
      if (found === undefined || excused.some((pattern) => pattern.test(line))) continue;
      problems.push(`${where}: '${found}': write ${instead}`);
    }
  };
  check(file, `${file} (its name)`);
  for (const [i, line] of text.split("\n").entries()) check(line, `${file}:${i + 1}`);
}

endCheck(`words: ${looked} files`, looked, problems);
