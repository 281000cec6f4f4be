import { getLogger } from "@classifier-training/base";
import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import { GroupDefault, type InputDefault } from "../defaults/elements.ts";
import { DefaultsTreeNode } from "../defaults/tree.ts";
import { toYaml } from "../omegaconf/to-yaml.ts";
import { hydraVersion } from "../sources/hydra-conf.ts";
import type { Invocation } from "./invocation.ts";
import { pluginNames } from "./plugins.ts";

type Say = (line: string) => void;

/** `--info`: what is known of the configuration without running anything. */
export async function showInfo<T>(invocation: Invocation<T>): Promise<void> {
  const say: Say = (line) => process.stdout.write(`${line}\n`);
  const { info } = invocation.args;
  if (info === "explain") return (await import("./explain.ts")).showExplanation(invocation, say);
  if (info === "unused") return (await import("./unused.ts")).showUnused(invocation, say);
  if (info === "check") return (await import("./check.ts")).showProblems(invocation, say);
  if (info === "defaults") printDefaultsList(invocation, say);
  else if (info === "defaults-tree") printDefaultsTree(invocation, say);
  else if (info === "config") printConfigInfo(invocation, say);
  else if (info === "plugins") printPlugins(say);
  else if (info === "searchpath") printSearchPath(invocation, say);
  else printAll(invocation, say);
}

/** Sends what `--info all` prints to Hydra's log; for `hydra.verbose=true`. */
export function logAllInfo<T>(invocation: Invocation<T>): void {
  const log = getLogger("hydra");
  printAll(invocation, (line) => log.debug(line));
}

function header(say: Say, text: string, filler = "-") {
  say(text);
  say(filler.repeat(text.length));
}

function printAll<T>(invocation: Invocation<T>, say: Say) {
  header(say, `Hydra ${hydraVersion}`, "=");
  printPlugins(say);
  printConfigInfo(invocation, say);
}

function printPlugins(say: Say) {
  header(say, "Installed Hydra Plugins", "*");
  const { launchers, sweepers } = pluginNames();
  const sections: [string, readonly string[]][] = [
    // Under the names that Hydra lists them by: the second is what opens pkg://.
    ["ConfigSource", ["FileConfigSource", "ImportlibResourcesConfigSource", "StructuredConfigSource"]],
    ["CompletionPlugin", ["BashCompletion", "FishCompletion", "ZshCompletion"]],
    ["Launcher", launchers],
    ["Sweeper", sweepers],
  ];
  for (const [kind, names] of sections) {
    say(`\t${kind}:`);
    say(`\t${"-".repeat(kind.length + 1)}`);
    for (const name of names) say(`\t\t${name}`);
  }
}

function loadOptions<T>({ args, configName }: Invocation<T>) {
  return { configName, overrides: args.overrides, runMode: "RUN" } as const;
}

function printSearchPath<T>(invocation: Invocation<T>, say: Say) {
  const { config, repository } = invocation.loader.load(loadOptions(invocation));
  HydraConfig.set(config);
  say("");
  header(say, "Config search path", "*");
  const rows = repository.sources.map(({ provider, scheme, path }) => [provider, `${scheme}://${path}`]);
  printTable(say, ["Provider", "Search path"], rows, "");
}

/** A table as Hydra prints it; `headEnd` is what follows the header's last bar. */
function printTable(say: Say, head: readonly string[], rows: readonly (readonly string[])[], headEnd: string) {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const first = line(head) + headEnd;
  header(say, first, "-");
  for (const row of rows) say(line(row));
  say("-".repeat(first.length));
}

function defaultsOf<T>(invocation: Invocation<T>) {
  const options = loadOptions(invocation);
  const { repository, overrides } = invocation.loader.open(options);
  return invocation.loader.defaultsList(options, repository, overrides);
}

function printDefaultsList<T>(invocation: Invocation<T>, say: Say) {
  const { defaults } = defaultsOf(invocation);
  say("");
  header(say, "Defaults List", "*");
  const rows = defaults.map((entry) => [
    entry.configPath,
    entry.package,
    entry.isSelf ? "True" : "False",
    entry.parent ?? "",
  ]);
  printTable(say, ["Config path", "Package", "_self_", "Parent"], rows, " ");
}

function printDefaultsTree<T>(invocation: Invocation<T>, say: Say) {
  say("");
  header(say, "Defaults Tree", "*");
  printTree(defaultsOf(invocation).tree, 0, say);
}

function printTree(tree: DefaultsTreeNode | InputDefault, indent: number, say: Say) {
  const pad = "  ".repeat(indent);
  const node = tree instanceof DefaultsTreeNode ? tree.node : tree;
  const children = (tree instanceof DefaultsTreeNode ? tree.children : undefined) ?? [];
  const title = node instanceof GroupDefault ? `${node.overrideKey()}: ${node.name() ?? "null"}` : pathOf(node);
  say(`${pad}${title}${children.length > 0 ? ":" : ""}`);
  for (const child of children) printTree(child, indent + 1, say);
}

function pathOf(node: InputDefault): string {
  return node.isSelf ? "_self_" : node.configPath();
}

function printConfigInfo<T>(invocation: Invocation<T>, say: Say) {
  printSearchPath(invocation, say);
  printDefaultsTree(invocation, say);
  printDefaultsList(invocation, say);
  const { config } = invocation.loader.load(loadOptions(invocation));
  HydraConfig.set(config);
  header(say, "Config", "*");
  say(toYaml(withoutHydraCopy(config), { maskSecrets: true }));
}
