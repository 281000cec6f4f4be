import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { CtError, didYouMean, expandHome, nearestName, shellWord } from "@classifier-training/base";
import { parseArgs, textOverride } from "@classifier-training/hydra";

/** The arguments of `classifier train PATH`. */
export interface DataArguments {
  readonly path: string;
  /** Hydra's, with the path as the override that it stands for, and without `time=`. */
  readonly argv: readonly string[];
  /** What `time=` says; undefined without. */
  readonly time: string | undefined;
  /** Whether the user names a root configuration. */
  readonly hasOwnRoot: boolean;
}

/**
 * Finds the data path among Hydra's arguments: the one that is neither a flag, nor a flag's value, nor an override.
 * @returns undefined when there is none
 * @throws CtError for a path that does not exist, and for a second one
 */
export function takeDataPath(argv: readonly string[]): DataArguments | undefined {
  const words = wordsIn(argv);
  const [word, second] = words;
  if (word === undefined) return undefined;
  const wrong = words.find((one) => !exists(one));
  // A name with spaces that the shell has cut.
  const whole = words.join(" ");
  if (wrong !== undefined) throw missing(wrong, whole !== wrong && existsSync(whole) ? shellWord(whole) : undefined);
  if (second !== undefined) {
    throw new CtError({
      code: "classifier/data-path",
      what: `expected one data path, received two: ${word} and ${second}`,
      fix: "train on one of them; what changes an option is written key=value",
    });
  }
  const path = expandHome(word);
  const times = parseArgs(argv).overrides.filter((one) => one.startsWith("time="));
  return {
    path,
    argv: replaced(argv, word, textOverride("data.data_root", path)).filter((one) => !times.includes(one)),
    time: times.at(-1)?.slice("time=".length),
    hasOwnRoot: parseArgs(argv).configName !== undefined,
  };
}

function wordsIn(argv: readonly string[]): string[] {
  try {
    const { overrides, info, shellCompletion } = parseArgs(argv);
    // `--info explain` is followed by keys.
    return shellCompletion ? [] : overrides.filter((word) => isPath(word) && (info !== "explain" || exists(word)));
  } catch (error) {
    // Hydra says what is wrong with its flags.
    if (CtError.is(error)) return [];
    throw error;
  }
}

/** Whether a path is there; of the shards `x-{000..009}.tar`, its folder. */
function exists(word: string): boolean {
  const path = expandHome(word);
  return existsSync(/\{\d+\.\.\d+\}/.test(path) ? dirname(path) : path);
}

/** Whether a word is a path. What reads as `key=value` is an override, but for `./a=b`, and for `runs/lr=1` if that exists. */
function isPath(word: string): boolean {
  if (/^(\.{0,2}|~)[/\\]|^[A-Za-z]:[/\\]|^(\.{1,2}|~)$/.test(word)) return true;
  const [, key] = /^(?:\+{1,2}|~)?([\w$@./:-]*)(?:=|$)/.exec(word) ?? [];
  const isOverride = /^[+~]/.test(word) || (word.includes("=") && key !== undefined);
  return !isOverride || (word.includes("/") && existsSync(word));
}

/** The arguments with an override in the place of a path; a flag's value may be the same word. */
function replaced(argv: readonly string[], word: string, override: string): string[] {
  for (const [i, argument] of argv.entries()) {
    if (argument !== word) continue;
    const changed = argv.toSpliced(i, 1, override);
    if (parseArgs(changed).overrides.includes(override)) return changed;
  }
  return [...argv];
}

function missing(word: string, quoted: string | undefined): CtError {
  const folder = dirname(word);
  const near = existsSync(folder) ? nearestName(basename(word), readdirSync(folder)) : undefined;
  return new CtError({
    code: "classifier/data-path",
    what: `expected the path of images, or an override such as model=resnet34; received '${word}', which does not exist`,
    where: existsSync(folder) ? resolve(folder) : `${folder}, which does not exist either`,
    fix:
      quoted === undefined
        ? (didYouMean(near) ?? "give a folder with one folder of images for each class")
        : `a name with spaces needs quotes: ${quoted}`,
  });
}
