// Values that a package exports, and that nothing reaches: no other package, document, template, benchmark, test, or
// configuration. Classes of errors are exempt: whoever catches one is outside.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endCheck, root, trackedFiles } from "./exec.mjs";

const files = trackedFiles();
const read = (file) => readFileSync(join(root, file), "utf8");
const packages = [
  ...new Set(files.map((file) => /^packages\/([^/]+)\/src\/index\.ts$/.exec(file)?.[1]).filter(Boolean)),
];

/** The names of the values that a module exports, through what it re-exports from its own package. */
function exportsOf(file) {
  const text = read(file);
  const names = new Set();
  for (const [, name] of text.matchAll(/^export (?:async )?(?:abstract )?(?:const|let|function\*?|class) (\w+)/gm))
    names.add(name);
  for (const [, type, list, from] of text.matchAll(/^export (type )?\{([^}]*)\}(?: from "([^"]+)")?/gm)) {
    if (type !== undefined || (from !== undefined && !from.startsWith("."))) continue;
    for (const item of list
      .replace(/\/\/.*/g, "")
      .split(",")
      .map((part) => part.trim())) {
      // `a as b`: b is the name of an earlier version.
      if (item !== "" && !item.startsWith("type ") && !item.includes(" as ")) names.add(item);
    }
  }
  for (const [, space, from] of text.matchAll(/^export \*(?: as (\w+))? from "(\.[^"]+)"/gm)) {
    if (space !== undefined) names.add(space);
    else for (const name of exportsOf(join(dirname(file), from))) names.add(name);
  }
  return names;
}

const code = files.filter((file) => /\.(ts|mjs|js|md|yaml)$/.test(file) && existsSync(join(root, file)));
const texts = new Map(code.map((file) => [file, read(file)]));
const problems = [];
let looked = 0;
for (const name of packages) {
  const own = `packages/${name}/`;
  const source = `${own}src/`;
  // Where a name may be used: anything but the package's own code. Configurations name what is in the generated list.
  const isOwnCode = (file) => file.startsWith(source) && !/\.test\.ts$|\.md$|target-names\.generated\.ts$/.test(file);
  const users = [...texts].filter(([file]) => !isOwnCode(file)).map(([, text]) => text);
  const used = new Set(users.flatMap((text) => text.match(/\w+/g) ?? []));
  for (const exported of exportsOf(`${source}index.ts`)) {
    looked++;
    if (!used.has(exported) && !exported.endsWith("Error"))
      problems.push(`${source}index.ts: nothing uses '${exported}': remove it from the exports`);
  }
}
endCheck(`exports: ${looked} values`, looked, problems);
