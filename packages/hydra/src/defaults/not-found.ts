import { nearestName } from "@classifier-training/base";
import { ConfigCompositionError, MissingConfigError } from "../errors.ts";
import { GroupDefault, type InputDefault } from "./elements.ts";
import type { DefaultsRepository } from "./repository.ts";
import type { DefaultsTreeNode } from "./tree.ts";

/** The error for a choice that is `???`. */
export function mustSpecify(repository: DefaultsRepository, entry: InputDefault): ConfigCompositionError {
  if (!(entry instanceof GroupDefault)) {
    return new ConfigCompositionError(`Missing ConfigDefault is not supported : ${entry.configPath()}`);
  }
  const key = entry.overrideKey();
  const options = repository.groupOptions(entry.groupPath());
  return new ConfigCompositionError(
    `You must specify '${key}', e.g, ${key}=<OPTION>\nAvailable options:\n${indented(options)}`,
  );
}

/** The error for a config that no source has: names the config that asked for it, and lists the options. */
export function configNotFound(repository: DefaultsRepository, tree: DefaultsTreeNode): ConfigCompositionError {
  const entry = tree.node;
  const path = entry.configPath();
  const moved = movedShorthand(repository, tree);
  if (moved !== undefined) return moved;
  let options: string[] = [];
  let what: string;
  if (entry.primary) {
    what = `Cannot find primary config '${path}'. Check that it's in your config search path.\n`;
    const near = nearestName(path, repository.groupOptions(""));
    if (near !== undefined) what += `Did you mean '${near}'?\n`;
  } else if (entry instanceof GroupDefault) {
    const group = entry.groupPath();
    options = repository.groupOptions(group);
    what = `Could not find '${path}'\n`;
    const near = nearestName(entry.name() ?? "", options);
    if (near !== undefined) what += `Did you mean '${near}'?\n`;
    const plugin = plugins[group]?.find(([pattern]) => pattern.test(entry.name() ?? ""))?.[1];
    if (plugin !== undefined) {
      what += `'${entry.name()}' is of a Python plug-in (${plugin}), which is not built in. Leave it out, or override it: ${group}=${substitute(group)}\n`;
    }
    if (options.length > 0) what += `\nAvailable options in '${group}':\n${indented(options)}`;
  } else {
    what = `Could not load '${path}'.\n`;
  }
  const parent = tree.parent?.node;
  if (!entry.primary && parent !== undefined) what = `In '${parent.configPath()}': ${what}`;
  const sources = indented(repository.describeSources());
  return new MissingConfigError(`${what}\nConfig search path:\n${sources}`, path, options);
}

type Plugin = readonly [name: RegExp, plugin: string];

/** Config names that Python's plug-ins bring, and that public configurations choose. */
const plugins: Readonly<Record<string, readonly Plugin[]>> = {
  "hydra/sweeper": [
    [/^optuna/, "hydra-optuna-sweeper"],
    [/^ax/, "hydra-ax-sweeper"],
    [/^nevergrad/, "hydra-nevergrad-sweeper"],
    [/^orion/, "hydra-orion-sweeper"],
    [/^hebo|^hypersweeper/i, "hypersweeper"],
  ],
  "hydra/launcher": [
    [/^joblib/, "hydra-joblib-launcher"],
    [/^submitit/, "hydra-submitit-launcher"],
    [/^ray/, "hydra-ray-launcher"],
    [/^rq/, "hydra-rq-launcher"],
    [/^slurm|^clip/, "a SLURM launcher"],
  ],
  "hydra/job_logging": [[/^(rich|json|color)/, "for logging"]],
  "hydra/hydra_logging": [[/^(rich|json|color)/, "for logging"]],
};

function substitute(group: string): string {
  return /logging$/.test(group) ? "default" : "basic";
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `\t${line}`).join("\n");
}

/**
 * Before Hydra 1.4, relative entries below `group: sub/option` started at `group`, now at `group/sub`: says so when
 * the config is found where the old rule would have looked.
 */
function movedShorthand(repository: DefaultsRepository, tree: DefaultsTreeNode): ConfigCompositionError | undefined {
  const nodes: DefaultsTreeNode[] = [];
  for (let at: DefaultsTreeNode | undefined = tree; at !== undefined; at = at.parent) nodes.unshift(at);
  const moved = nodes.map(({ node }) => node).findLast((node) => node instanceof GroupDefault && node.originalGroup);
  if (!(moved instanceof GroupDefault) || moved.originalGroup === undefined) return undefined;
  let base = "";
  let oldPath = "";
  for (const { node } of nodes) {
    const copy = node.clone();
    copy.parentBaseDir = base;
    if (copy instanceof GroupDefault && copy.originalGroup !== undefined) copy.group = copy.originalGroup;
    oldPath = copy.configPath();
    base = copy.isVirtual ? "" : copy.groupPath();
  }
  if (!repository.configExists(oldPath)) return undefined;
  const suffix = moved.group.slice(moved.originalGroup.length + 1);
  return new ConfigCompositionError(
    `Could not load '${tree.node.configPath()}'.\n` +
      `However, a config was found at '${oldPath}', which indicates this application\n` +
      "relies on the deprecated slash-containing default option shorthand behavior.\n" +
      `In Hydra 1.4, defaults list items like '${moved.originalGroup}: ${suffix}/...' are\n` +
      `normalized early to '${moved.group}: ...'. Please update your configs.`,
  );
}
