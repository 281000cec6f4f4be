// zod inside the package base: the code that is used as one file, and its types. zod itself would be most of what a service
// installs.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { root } from "../exec.mjs";

const zod = join(root, "node_modules", "zod");

/** @param folder the package base as it is published */
export async function vendorZod(folder) {
  const dist = join(folder, "dist");
  await build({
    entryPoints: [join(root, "packages", "base", "dist", "zod.js")],
    outfile: join(dist, "zod.js"),
    bundle: true,
    format: "esm",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
  });
  for (const path of [...typesBelow("index.d.ts"), "LICENSE"]) {
    mkdirSync(dirname(join(dist, "zod", path)), { recursive: true });
    cpSync(join(zod, path), join(dist, "zod", path));
  }
  const types = join(dist, "zod.d.ts");
  writeFileSync(types, readFileSync(types, "utf8").replaceAll('from "zod"', 'from "./zod/index.js"'));
}

/** A declaration file of zod, and those that it imports. */
function typesBelow(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, imported] of readFileSync(join(zod, path), "utf8").matchAll(/\bfrom\s+"(\.[^"]+)\.js"/g))
    typesBelow(`${join(dirname(path), imported)}.d.ts`, found);
  return found;
}
