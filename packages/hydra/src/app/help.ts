import type { ConfigLoader } from "../compose/loader.ts";
import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import type { DictConfig } from "../omegaconf/containers.ts";
import { select, selectRaw } from "../omegaconf/select.ts";
import { toYaml } from "../omegaconf/to-yaml.ts";
import type { ConfigRepository } from "../sources/repository.ts";
import { flagsHelp } from "./args.ts";
import type { Invocation } from "./invocation.ts";
import { resolveForOutput } from "./show.ts";

/** `--help`: the application's help, made of `hydra.help.template`. */
export function showHelp<T>({ args, loader, configName, program, helpTemplate }: Invocation<T>): void {
  const { config, repository } = loader.load({ configName, overrides: args.overrides, runMode: "RUN" });
  HydraConfig.set(config);
  const isHydras = helpTemplate !== undefined && templateOf(config) === templateOf(ownDefaults(loader));
  const template = isHydras ? helpTemplate : String(select(config, "hydra.help.template"));
  const shown = withoutHydraCopy(config);
  if (args.resolve) resolveForOutput(shown);
  process.stdout.write(`${substitute(template, shown, repository, program)}\n`);
}

/** As it is written, before interpolation. */
function templateOf(config: DictConfig): string {
  return String(selectRaw(config, "hydra.help.template"));
}

function ownDefaults(loader: ConfigLoader): DictConfig {
  return loader.load({ configName: undefined, overrides: [], runMode: "RUN" }).config;
}

/** `--hydra-help`: the flags and Hydra's own config groups. */
export function showHydraHelp<T>({ args, loader, program }: Invocation<T>): void {
  const { config, repository } = loader.load({ configName: undefined, overrides: args.overrides, runMode: "RUN" });
  const template = String(select(config, "hydra.hydra_help.template"));
  process.stdout.write(`${substitute(template, config, repository, program)}\n`);
}

function substitute(template: string, config: DictConfig, repository: ConfigRepository, program: string): string {
  const isHydra = (group: string) => group === "hydra" || group.startsWith("hydra/");
  const values: Readonly<Record<string, () => string>> = {
    FLAGS_HELP: () => flagsHelp(program),
    HYDRA_CONFIG_GROUPS: () => formatGroups(repository, isHydra),
    APP_CONFIG_GROUPS: () => formatGroups(repository, (group) => !isHydra(group)),
    CONFIG: () => toYaml(config, { maskSecrets: true }),
  };
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => {
    if (whole === "$$") return "$";
    return values[plain ?? braced ?? ""]?.() ?? whole;
  });
}

function formatGroups(repository: ConfigRepository, predicate: (group: string) => boolean): string {
  const groups = repository.allGroups().filter(predicate).sort();
  return groups.map((group) => `${group}: ${repository.groupOptions(group).join(", ")}\n`).join("");
}
