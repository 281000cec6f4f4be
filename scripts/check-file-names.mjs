// The names of the files that a run leaves behind have one home, packages/runs/src/names.ts: elsewhere no string is one.
import { existsSync, readFileSync } from "node:fs";
import { endCheck, root, trackedFiles } from "./exec.mjs";

const home = "packages/runs/src/names.ts";
/** Names that are also another program's, by the folder of those who write that program's files. */
const others = [
  ["packages/hydra/src/", ".hydra"],
  ["packages/hydra/src/", "multirun.yaml"],
  ["packages/vision/src/weights/", "checkpoints"],
];

const text = readFileSync(root + home, "utf8");
const extension = /checkpointExtension = "([^"]+)"/.exec(text)?.[1];
const names = new Set(
  [...text.matchAll(/^ {2}\w+: ["`]([^"`]+)["`],$/gm)].map(([, name]) =>
    name.replace(/\$\{checkpointExtension\}/, extension),
  ),
);
names.add(extension);

const files = trackedFiles("packages")
  .filter((file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file) && !/\.(test|generated)\.ts$/.test(file))
  .filter((file) => file !== home && existsSync(root + file));
const problems = [];
for (const file of files) {
  const lines = readFileSync(root + file, "utf8").split("\n");
  for (const [i, line] of lines.entries()) {
    if (/^\s*(\/\/|\/?\*|import\b|export\b.*\bfrom\b)/.test(line)) continue;
    for (const [whole] of line.matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g)) {
      const string = whole.slice(1, -1);
      // Strings with spaces are sentences and examples for people.
      if (/\s/.test(string)) continue;
      const last = string.split("/").at(-1);
      const name = [string, last].find((part) => names.has(part));
      if (name === undefined || others.some(([folder, other]) => file.startsWith(folder) && other === name)) continue;
      problems.push(`${file}:${i + 1}: '${name}' is a name of packages/runs: import it from there`);
    }
  }
}
endCheck(`file names: ${names.size} names, ${files.length} files`, names.size < 20 ? 0 : files.length, problems);
