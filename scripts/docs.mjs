// npm run docs: the API reference, from the doc comments, into docs/api/.
import { existsSync } from "node:fs";
import process from "node:process";
import { run } from "./exec.mjs";

if (!existsSync(new URL("../docs/node_modules/typedoc", import.meta.url)))
  run("npm", ["ci", "--prefix", "docs", "--no-audit", "--no-fund"]);
run("npm", ["run", "--silent", "--prefix", "docs", "build"]);
process.stdout.write("docs/api/index.html\n");
