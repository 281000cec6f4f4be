import { suggestion } from "@classifier-training/base";
import { ConfigCompositionError } from "../errors.ts";
import { DictConfig } from "../omegaconf/containers.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { toContainer } from "../omegaconf/to-container.ts";
import { basicLauncherTarget, basicSweeperTarget } from "../sources/hydra-conf.ts";
import type { LauncherFactory, PluginContext, PluginOptions, Sweeper, SweeperFactory } from "./plugin.ts";

const launchers = new Map<string, () => Promise<LauncherFactory>>([
  [basicLauncherTarget, async () => (await import("./basic-launcher.ts")).basicLauncher],
]);
const sweepers = new Map<string, () => Promise<SweeperFactory>>([
  [basicSweeperTarget, async () => (await import("./basic-sweeper.ts")).basicSweeper],
]);

/** Makes a launcher known by the `_target_` that `hydra.launcher` names it with. */
export function registerLauncher(target: string, create: LauncherFactory): void {
  launchers.set(target, async () => create);
}

/** Makes a sweeper known by the `_target_` that `hydra.sweeper` names it with. */
export function registerSweeper(target: string, create: SweeperFactory): void {
  sweepers.set(target, async () => create);
}

/** Short names of what is registered, for `--info plugins`. */
export function pluginNames(): { launchers: string[]; sweepers: string[] } {
  const short = (targets: Iterable<string>) => [...targets].map((target) => target.split(".").at(-1) ?? target).sort();
  return { launchers: short(launchers.keys()), sweepers: short(sweepers.keys()) };
}

function pluginNode(config: DictConfig, key: "launcher" | "sweeper"): { target: string; options: PluginOptions } {
  const node = selectNode(config, `hydra.${key}`);
  const target = node instanceof DictConfig ? selectRaw(node, "_target_") : null;
  if (!(node instanceof DictConfig) || typeof target !== "string") {
    throw new ConfigCompositionError(`hydra.${key} has no _target_`, { fix: `choose one: hydra/${key}=basic` });
  }
  const { _target_: _, ...options } = toContainer(node, { resolve: true }) as Record<string, unknown>;
  return { target, options };
}

/** The sweeper that the configuration names, with its launcher. */
export async function createSweeper(context: PluginContext): Promise<Sweeper> {
  const { config } = context.loaded;
  const launcher = pluginNode(config, "launcher");
  const sweeper = pluginNode(config, "sweeper");
  const createLauncher = await known(launchers, launcher.target, "launcher");
  const createSweeper = await known(sweepers, sweeper.target, "sweeper");
  return createSweeper(sweeper.options, context, createLauncher(launcher.options, context));
}

async function known<T>(table: ReadonlyMap<string, () => Promise<T>>, target: string, kind: string): Promise<T> {
  const load = table.get(target);
  if (load !== undefined) return load();
  throw new ConfigCompositionError(`no ${kind} is registered as '${target}'`, {
    where: `hydra.${kind}._target_`,
    fix: suggestion(target, [...table.keys()]),
  });
}
