import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliDecompressSync } from "node:zlib";

export interface CaseResult {
  readonly name: string;
  /** What is wrong; absent when the case passes. */
  readonly failure?: string | undefined;
}

/** A file of recorded cases and what checks it. */
export interface Section {
  readonly file: string;
  run(recorded: unknown, folder: string): Promise<CaseResult[]> | CaseResult[];
}

/** A recorded file, plain or compressed (`.br`); undefined where the folder has neither. */
export function readRecorded(folder: string, file: string): unknown {
  const path = join(folder, file);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8"));
  return existsSync(`${path}.br`) ? JSON.parse(brotliDecompressSync(readFileSync(`${path}.br`)).toString()) : undefined;
}

/** `npm run conformance -w packages/NAME -- DIR`: checks the recorded files that are in DIR, and exits 1 where one differs. */
export async function conformance(packageName: string, sections: readonly Section[]): Promise<never> {
  const [given, ...flags] = process.argv.slice(2);
  if (given === undefined) {
    process.stdout.write(`usage: npm run conformance -w packages/${packageName} -- DIR [--verbose]\n`);
    process.exit(2);
  }
  const folder = resolve(process.env["INIT_CWD"] ?? process.cwd(), given);
  let failed = 0;
  let looked = 0;
  for (const { file, run } of sections) {
    const recorded = readRecorded(folder, file);
    if (recorded === undefined) {
      process.stdout.write(`${file}: not in ${given}, skipped\n`);
      continue;
    }
    const results: CaseResult[] = await run(recorded, folder);
    const bad = results.filter(({ failure }) => failure !== undefined);
    looked += results.length;
    failed += bad.length;
    process.stdout.write(`${file.replace(/\.json$/, "")}: ${results.length - bad.length}/${results.length}\n`);
    if (flags.includes("--verbose")) {
      for (const { name, failure } of bad) process.stdout.write(`  ${name}: ${failure}\n`);
    }
  }
  if (looked === 0) process.stdout.write(`nothing to check in ${folder}\n`);
  process.exit(failed > 0 || looked === 0 ? 1 : 0);
}
