import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import { HydraError } from "../errors.ts";
import { type Container, DictConfig, isConfig } from "../omegaconf/containers.ts";
import { MissingMandatoryValue } from "../omegaconf/errors.ts";
import { type Key, keyText, type Node, ValueNode } from "../omegaconf/node.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectRaw } from "../omegaconf/select.ts";
import type { ConfigRepository } from "../sources/repository.ts";
import { parseArgs } from "./args.ts";
import { installScript, type Shell, shells, uninstallScript } from "./completion-scripts.ts";
import type { Invocation } from "./invocation.ts";

/** `--shell-completion install=SHELL | uninstall=SHELL | query=SHELL`. */
export function complete<T>(invocation: Invocation<T>): void {
  const requests = invocation.args.overrides.map((text) => text.split("="));
  const [request, ...others] = requests.filter(([name = ""]) => ["install", "uninstall", "query"].includes(name));
  const [command, shell] = request ?? [];
  if (others.length > 0 || command === undefined) {
    throw completionError("Expecting one subcommand from ['install', 'uninstall', 'query'] to be set");
  }
  if (!shells.includes(shell as Shell)) {
    throw completionError(`No completion plugin for '${shell ?? ""}' found, available : \n${shells.join(", ")}`);
  }
  say(answer(command, shell as Shell, invocation));
}

function answer<T>(command: string, shell: Shell, invocation: Invocation<T>): string {
  const { program } = invocation;
  if (command === "install") return installScript(shell, program);
  if (command === "uninstall") return uninstallScript(shell, program);
  const line = withoutProgram(process.env["COMP_LINE"] ?? "", program);
  const candidates = line === undefined ? [] : completions(invocation, line);
  return candidates.join(shell === "fish" ? "\n" : " ");
}

function completionError(what: string): HydraError {
  return new HydraError({ code: "hydra/completion", what });
}

function say(text: string) {
  process.stdout.write(`${text}\n`);
}

/**
 * The part of a command line after the program's name, however the program was reached. Undefined where the line is
 * of another command of the same program (`classifier predict` while `classifier train` is asked).
 */
export function withoutProgram(line: string, program: string): string | undefined {
  const words = line.trimStart();
  const at = words.search(new RegExp(`(?:^|[/ ])${escapeRegExp(program)}(?= |$)`));
  if (at !== -1) return words.slice(words.indexOf(program, at) + program.length).replace(/^ /, "");
  if (program.includes(" ")) return undefined;
  // `node app.js ...`, `npx app ...`, `./app ...`
  const match = /^\S*(?:node|npx|tsx|bun|python3?)\s+\S+\s?(.*)$/s.exec(words) ?? /^\S+\s?(.*)$/s.exec(words);
  return match?.[1];
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** What could stand at the end of a command line: config groups, their options, keys, values, files. */
export function completions<T>({ loader, configName }: Invocation<T>, line: string): string[] {
  const isNewWord = line === "" || line.endsWith(" ");
  const args = parseArgs(line.split(/\s+/).filter((word) => word !== ""));
  const words = [...args.overrides];
  const word = isNewWord ? "" : (words.pop() ?? "");
  const file = /^(.*=)((?:\.{0,2}\/|[.\\]).*)$/.exec(word);
  if (file !== null) return filesFrom(file[2] ?? "").map((path) => `${file[1]}${path}`);
  const name = args.configName ?? configName;
  const { repository } = loader.open({ configName: name, overrides: words });
  const { matches, isExact } = groupMatches(repository, word);
  if (isExact) return matches;
  return [...new Set([...matches, ...keyMatches()])].sort();

  function keyMatches(): string[] {
    try {
      const runMode = args.multirun ? "MULTIRUN" : "RUN";
      return matchKeys(loader.load({ configName: name, overrides: words, runMode }).config, word);
    } catch (error) {
      // What is typed so far may not compose (a mandatory choice is open): groups can still be offered.
      if (CtError.is(error)) return [];
      throw error;
    }
  }
}

function groupMatches(repository: ConfigRepository, given: string): { matches: string[]; isExact: boolean } {
  const prefix = /^[+~]/.exec(given)?.[0] ?? "";
  const word = given.slice(prefix.length);
  const equals = word.lastIndexOf("=");
  if (equals !== -1) {
    const group = word.slice(0, equals);
    if (!repository.groupExists(group)) return { matches: [], isExact: false };
    const options = repository.groupOptions(group).map((option) => `${group}=${option}`);
    const matches = options.filter((option) => option.startsWith(word)).map((option) => prefix + option);
    return { matches, isExact: repository.groupOptions(group).length > 0 };
  }
  const slash = word.lastIndexOf("/");
  const parent = slash === -1 ? "" : word.slice(0, slash);
  const groups = repository
    .groupOptions(parent, "group")
    .map((name) => (parent === "" ? name : `${parent}/${name}`))
    .filter((name) => name.startsWith(word));
  const matches = groups.map((group) => {
    const hasOptions = repository.groupOptions(group).length > 0;
    const hasGroups = repository.groupOptions(group, "group").length > 0;
    const ending = hasGroups ? (hasOptions ? "" : "/") : hasOptions && prefix !== "~" ? "=" : "";
    return prefix + group + ending;
  });
  return { matches, isExact: false };
}

/** The keys (with `.` or `=` after them) and values that begin with a word. */
export function matchKeys(config: Container, word: string): string[] {
  if (word.endsWith(".") || word.endsWith("=")) {
    const found = valueAt(config, word.slice(0, -1));
    if (found === null) return [];
    if (isConfig(found)) return matchKeys(found, "").map((match) => word + match);
    return [word + (typeof found === "boolean" ? String(found) : pythonStr(found))];
  }
  const dot = word.lastIndexOf(".");
  if (dot !== -1) {
    const inner = valueAt(config, word.slice(0, dot));
    if (!isConfig(inner)) return [];
    return matchKeys(inner, word.slice(dot + 1)).map((match) => `${word.slice(0, dot)}.${match}`);
  }
  return [...config.nodes()]
    .map((node, index) => [config instanceof DictConfig ? keyText(node.key as Key) : String(index), node] as const)
    .filter(([key]) => key.startsWith(word))
    .map(([key, node]) => `${key}${isConfig(resolved(config, node, key)) ? "." : "="}`);
}

function resolved(config: Container, node: Node, key: string): unknown {
  if (!(node instanceof ValueNode)) return node;
  return node.isInterpolation ? valueAt(config, key) : node.value;
}

function valueAt(config: Container, path: string): unknown {
  try {
    return selectRaw(config, path, { throwOnMissing: true });
  } catch (error) {
    if (error instanceof MissingMandatoryValue) return "";
    if (CtError.is(error)) return null;
    throw error;
  }
}

function filesFrom(word: string): string[] {
  const isFolder = existsSync(word) && statSync(word).isDirectory();
  const folder = isFolder ? word : dirname(word);
  const start = isFolder ? "" : basename(word);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(start))
    .map((name) => join(folder, name))
    .map((path) => (word.startsWith("./") ? `./${path}` : path));
}
