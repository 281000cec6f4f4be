import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { printable } from "@classifier-training/base";
import type { Job, JobProblem, TrainingDecisions } from "@classifier-training/dashboard";

const shownBytes = 8192;

/** The end of what a job wrote; empty where there is nothing. */
export function logEnd(path: string, most = shownBytes): string {
  return part(path, (size) => Math.max(0, size - most), most);
}

export function logBeginning(path: string): string {
  return part(path, () => 0, shownBytes);
}

function part(path: string, startOf: (size: number) => number, most: number): string {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(most);
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, most, startOf(fstatSync(file).size)));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}

/** What a command says last: a count of what is done, the epoch of a training, or its last line. */
export function progressIn(log: string): Job["progress"] {
  const text = printable(
    log
      .trimEnd()
      .split(/[\r\n]/)
      .at(-1) ?? "",
  ).trim();
  if (text === "") return undefined;
  const [, done, total] = /(?:\b(\d+) of (\d+)$)/.exec(text) ?? /^Epoch (\d+)\/(\d+)\b/.exec(text) ?? [];
  return { text, ...(total !== undefined && { done: Number(done), total: Number(total) }) };
}

/** What a training has chosen for itself: the table that it begins with. */
export function decisionsIn(log: string): TrainingDecisions["decisions"] {
  const table = /^(?:Chosen for|As this command decided before)[^\n]*:\n((?: {2}\S[^\n]*\n)+)/m.exec(log)?.[1] ?? "";
  return [...table.matchAll(/^ {2}([\w.]+)=(.*?) +\((.*)\)$/gm)].map(([, key = "", value = "", why = ""]) => {
    return { key, value, why };
  });
}

/** What a command says of its data before it works. */
const remark = /^((split|train|valid|val|test|images|edits|all of it): |WARNING: |INFO: )/;
/** What a terminal needs beside the error, and a page does not. */
const aside =
  /^(Set HYDRA_FULL_ERROR=1|A path is all that photos need|Config search path:|\tprovider=|Epoch \d|measuring |Chosen for)/;
const mostLines = 12;

/** The error that a failed command ends with: its sentence, and what to do. */
export function problemIn(log: string): JobProblem {
  const lines = linesOf(log).filter((line) => !remark.test(line) && !aside.test(line));
  // An error of this project begins with its last line that is not indented; one of Hydra has several such lines.
  const start = lines.findLastIndex((line) => /^\S/.test(line));
  const whole = start === lines.length - 1 ? lines.slice(-mostLines) : lines.slice(Math.max(0, start));
  const fix = whole.findIndex((line) => line.startsWith("  fix: "));
  const what = whole.slice(0, fix < 0 ? whole.length : fix);
  return {
    what: what.length === 0 ? "it ended without a word: the log has what came before" : what.join("\n"),
    ...(fix >= 0 && { fix: [whole[fix]?.slice("  fix: ".length), ...whole.slice(fix + 1)].join("\n") }),
  };
}

/** What a command says of the data: its splits, and warnings. */
export function remarksIn(log: string): string[] {
  return linesOf(log).filter((line) => remark.test(line));
}

function linesOf(log: string): string[] {
  return log
    .split("\n")
    .map((line) => printable(line).trimEnd())
    .filter((line) => line !== "");
}
