import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Case, Corpus, Handler } from "./handler.ts";

/** The files of a corpus, in the order they are run. */
const sections = ["overrides", "compose", "interpolation", "merge", "instantiate", "cli"] as const;

interface Failure {
  readonly id: string;
  readonly input: string;
  readonly difference: string;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The ids that the README lists as not applicable, with their reasons. */
function notApplicable(): ReadonlySet<string> {
  const readme = join(import.meta.dirname, "../README.md");
  if (!existsSync(readme)) return new Set();
  return new Set(
    [...readFileSync(readme, "utf8").matchAll(/^- `([a-z]{2}-[0-9a-f]{12})`: \S/gm)].map((m) => m[1] ?? ""),
  );
}

/** A case as recorded, and as the stable versions have it. */
function outcomes(testCase: Case): readonly Case[] {
  return testCase.release === undefined ? [testCase] : [testCase, { ...testCase, ...testCase.release }];
}

async function judge(handler: Handler, testCase: Case, corpus: Corpus): Promise<Failure | undefined> {
  let difference: string | undefined;
  try {
    const actual = await handler.run(testCase, corpus);
    for (const expected of outcomes(testCase)) {
      const found = handler.compare(expected, actual as never);
      if (found === undefined) return undefined;
      difference ??= found;
    }
  } catch (error) {
    difference = `the handler failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
  const { id, release, ok, src, ...input } = testCase;
  return { id, input: JSON.stringify(input), difference: difference ?? "no outcome" };
}

async function inParallel<T, R>(items: readonly T[], count: number, action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await action(items[i] as T);
  };
  await Promise.all(Array.from({ length: count }, worker));
  return results;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const verbose = args.includes("--verbose");
  const [given, ...wanted] = args.filter((arg) => !arg.startsWith("--"));
  if (given === undefined) {
    say("usage: npm run conformance -w packages/hydra -- DIR [section...] [--verbose]");
    process.exitCode = 2;
    return;
  }
  const dir = resolve(process.env["INIT_CWD"] ?? process.cwd(), given);
  const skipped = notApplicable();
  let failed = false;
  let ran = 0;
  for (const section of sections) {
    if (wanted.length > 0 && !wanted.includes(section)) continue;
    const file = join(dir, `${section}.json`);
    if (!existsSync(file)) {
      say(`${section}: not in ${dir}, skipped`);
      continue;
    }
    const module = (await import(`./${section}.ts`).catch(() => ({}))) as { handler?: Handler };
    const { handler } = module;
    if (handler === undefined) {
      say(`${section}: no handler, failed`);
      failed = true;
      continue;
    }
    const corpus = JSON.parse(readFileSync(file, "utf8")) as Corpus;
    const cases = corpus.cases.filter(({ id }) => !skipped.has(id));
    const judged = await inParallel(cases, handler.concurrency ?? 1, (c) => judge(handler, c, corpus));
    const failures = judged.filter((failure) => failure !== undefined);
    const excluded = corpus.cases.length - cases.length;
    const note = excluded === 0 ? "" : ` (${excluded} not applicable, see README.md)`;
    say(`${section}: ${cases.length - failures.length}/${cases.length}${note}`);
    ran += cases.length;
    failed ||= failures.length > 0 || excluded > corpus.cases.length * 0.02;
    if (!verbose) continue;
    for (const { id, input, difference } of failures) say(`  ${id}\n    input    ${input}\n    ${difference}`);
  }
  if (ran === 0) say(`no cases found in ${dir}`);
  process.exitCode = failed || ran === 0 ? 1 : 0;
}

await main();
