// Writes the names of the targets of each package into a module without imports, so that a configuration's names are known
// without LibTorch. `--check` compares only.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const packages = fileURLToPath(new URL("../packages", import.meta.url));
const isCheck = process.argv.includes("--check");
const stale: string[] = [];
let count = 0;

for (const name of readdirSync(packages)) {
  const source = join(packages, name, "src");
  const tables = join(source, "targets.ts");
  if (!existsSync(tables)) continue;
  const { targets } = (await import(pathToFileURL(tables).href)) as { targets: Readonly<Record<string, unknown>> };
  const names = Object.keys(targets).sort();
  if (names.length === 0) throw new TypeError(`packages/${name}/src/targets.ts lists no target`);
  count += names.length;
  const path = join(source, "target-names.generated.ts");
  const text = `// Made by "npm run targets" from targets.ts.\nexport const targetNames: readonly string[] = ${JSON.stringify(names, null, 2)};\n`;
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  stale.push(name);
  if (!isCheck) writeFileSync(path, text);
}

process.stdout.write(`target names: ${count}, ${isCheck ? "stale" : "written"}: ${stale.join(", ") || "none"}\n`);
if (isCheck && stale.length > 0) {
  process.stderr.write("run: npm run targets\n");
  process.exitCode = 1;
}
