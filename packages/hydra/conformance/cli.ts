import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import type { Case, Corpus, Handler } from "./handler.ts";

interface Outcome {
  readonly exit_code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly files_created: readonly string[];
  readonly file_contents: Readonly<Record<string, string>>;
}

const app = join(import.meta.dirname, "cli-app.ts");

async function run(testCase: Case, corpus: Corpus): Promise<Outcome> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "hydra-cli-")));
  try {
    const files = (testCase["files"] ?? corpus.trees?.[String(testCase["tree"])] ?? {}) as Record<string, string>;
    for (const [path, text] of Object.entries(files)) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text.replaceAll("<DIR>", folder));
    }
    const argv = (testCase["argv"] as string[]).map((arg) => arg.replaceAll("<DIR>", folder));
    const args = [
      "--conditions=classifier-source",
      "--import",
      "tsx",
      app,
      folder,
      JSON.stringify(testCase["app"]),
      ...argv,
    ];
    const { code, stdout, stderr } = await execute(args, folder);
    const mask = masker(folder);
    const created = filesBelow(folder).filter((path) => !(path in files));
    const contents = created.map((path) => [mask(path), mask(readFileSync(join(folder, path), "utf8"))] as const);
    return {
      exit_code: code,
      stdout: mask(stdout),
      stderr: mask(stderr),
      files_created: created.map(mask).sort(),
      file_contents: Object.fromEntries(contents),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function execute(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    // tsx is looked up from the working directory: the package's own must be found from a temporary one too.
    const tsx = import.meta.resolve("tsx");
    const env = { ...process.env };
    for (const name of Object.keys(env)) if (name.startsWith("HT_")) delete env[name];
    const child = spawn(
      process.execPath,
      args.map((arg) => (arg === "tsx" ? tsx : arg)),
      { cwd, env },
    );
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", fail);
    child.on("close", (code) => done({ code, stdout, stderr }));
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function masker(folder: string): (text: string) => string {
  return (text) =>
    text
      .replaceAll(folder, "<TMP>")
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}/g, "<TS>")
      .replace(/\d{4}-\d\d-\d\d\/\d\d-\d\d-\d\d/g, "<DATE>/<TIME>");
}

/** Tables are as wide as the temporary folder's name is long: blanks and rules are compared by their being there. */
function withoutWidths(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(/-{4,}/, "----").replace(/(?<=\S) {2,}\|/g, " |"))
    .join("\n");
}

/** A log without the stack traces in it, which name the files of an implementation. */
function withoutTraces(text: string): string {
  return text.replace(/(\[ERROR\] - Job failed\n)[\s\S]*/, "$1");
}

/** The first line of an error is Hydra's; the wording of a parser's error and Python's traces are not compared. */
function firstLine(stderr: string): string | undefined {
  const [line = ""] = stderr.split("\n");
  // Python prints where a warning was raised; ours stands in its place, worded alike.
  if (/\.py:\d+: \w*Warning/.test(line)) return undefined;
  return line === "" || line.startsWith("Traceback") || line.startsWith("usage:") ? undefined : line;
}

export const handler: Handler = {
  concurrency: 2,
  run,
  compare(expected, actual: Outcome) {
    const differ = (field: string, wanted: unknown, found: unknown) =>
      `expected ${field}=${JSON.stringify(wanted)}\n    actual   ${field}=${JSON.stringify(found)}\n    stderr   ${actual.stderr}`;
    if (expected["exit_code"] !== actual.exit_code) return differ("exit_code", expected["exit_code"], actual.exit_code);
    const [stdout, found] = [withoutWidths(String(expected["stdout"])), withoutWidths(actual.stdout)];
    if (stdout !== found) return differ("stdout", stdout, found);
    const line = firstLine(String(expected["stderr"]));
    if (line !== undefined && line !== firstLine(actual.stderr))
      return differ("stderr", line, firstLine(actual.stderr));
    const created = expected["files_created"] as readonly string[];
    if (JSON.stringify([...created].sort()) !== JSON.stringify(actual.files_created)) {
      return differ("files_created", created, actual.files_created);
    }
    for (const [path, text] of Object.entries(expected["file_contents"] as Record<string, string>)) {
      const written = actual.file_contents[path] ?? "";
      if (withoutTraces(text) !== withoutTraces(written)) return differ(path, text, written);
    }
    return undefined;
  },
};
