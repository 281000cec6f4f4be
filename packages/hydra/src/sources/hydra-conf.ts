// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { anyType, boolType, dictOf, enumType, intType, listOf, optional, strType, structOf } from "./field-types.ts";
import { ConfigStore } from "./store.ts";
import { TypedNode } from "./stored.ts";

/** The version of Hydra that this package behaves like. */
export const hydraVersion = "1.4.0.dev9";
export const hydraVersionBase = "1.4";

const help = structOf("HelpConf", { app_name: strType, header: strType, footer: strType, template: strType });
const hydraHelp = structOf("HydraHelpConf", { hydra_help: strType, template: strType });
const runDir = structOf("RunDir", { dir: strType });
const sweepDir = structOf("SweepDir", { dir: strType, subdir: strType });
const overrides = structOf("OverridesConf", { hydra: listOf(strType), task: listOf(strType) });
const overrideDirname = structOf("OverrideDirname", {
  kv_sep: strType,
  item_sep: strType,
  exclude_keys: listOf(strType),
});
const job = structOf("JobConf", {
  name: strType,
  chdir: boolType,
  override_dirname: strType,
  id: strType,
  num: intType,
  config_name: optional(strType),
  env_set: dictOf(strType),
  env_copy: listOf(strType),
  config: structOf("JobConfig", { override_dirname: overrideDirname }),
});
const sourceInfo = structOf("ConfigSourceInfo", { path: strType, schema: strType, provider: strType });
const runtime = structOf("RuntimeConf", {
  version: strType,
  version_base: strType,
  cwd: strType,
  config_sources: listOf(sourceInfo),
  output_dir: strType,
  choices: dictOf(anyType),
});

const hydraType = structOf("HydraConf", {
  defaults: listOf(anyType),
  mode: optional(enumType(["RUN", "MULTIRUN"])),
  searchpath: listOf(strType),
  run: runDir,
  sweep: sweepDir,
  hydra_logging: dictOf(anyType),
  job_logging: dictOf(anyType),
  sweeper: anyType,
  launcher: anyType,
  callbacks: dictOf(anyType),
  help,
  hydra_help: hydraHelp,
  output_subdir: optional(strType),
  overrides,
  job,
  runtime,
  verbose: anyType,
});

const missing = "???";

const hydraConfig = {
  defaults: [
    { output: "default" },
    { launcher: "basic" },
    { sweeper: "basic" },
    { help: "default" },
    { hydra_help: "default" },
    { hydra_logging: "default" },
    { job_logging: "default" },
    { callbacks: null },
    { env: "default" },
  ],
  mode: null,
  searchpath: [],
  run: { dir: missing },
  sweep: { dir: missing, subdir: missing },
  hydra_logging: missing,
  job_logging: missing,
  sweeper: missing,
  launcher: missing,
  callbacks: {},
  help: { app_name: missing, header: missing, footer: missing, template: missing },
  hydra_help: { hydra_help: missing, template: missing },
  output_subdir: ".hydra",
  overrides: { hydra: [], task: [] },
  job: {
    name: missing,
    chdir: false,
    override_dirname: "${hydra_override_dirname:}",
    id: missing,
    num: missing,
    config_name: missing,
    env_set: {},
    env_copy: [],
    config: { override_dirname: { kv_sep: "=", item_sep: ",", exclude_keys: [] } },
  },
  runtime: {
    version: missing,
    version_base: missing,
    cwd: missing,
    config_sources: missing,
    output_dir: missing,
    choices: {},
  },
  verbose: false,
};

const line = "[%(asctime)s][%(name)s][%(levelname)s] - %(message)s";
const console = { class: "logging.StreamHandler", formatter: "simple", stream: "ext://sys.stdout" };
const file = {
  class: "logging.FileHandler",
  formatter: "simple",
  filename: "${hydra.runtime.output_dir}/${hydra.job.name}.log",
};
const simpleFormat = (format: string) => ({ simple: { format } });

/** The config groups below `hydra/`, as Hydra has them in its own `conf` folder. */
const options: readonly [group: string, name: string, node: unknown, packageName?: string][] = [
  ["env", "default", {}],
  [
    "help",
    "default",
    {
      app_name: "${hydra.job.name}",
      header: "${hydra.help.app_name} is powered by Hydra.\n",
      footer: "Powered by Hydra (https://hydra.cc)\nUse --hydra-help to view Hydra specific help\n",
      template:
        "${hydra.help.header}\n== Configuration groups ==\n" +
        "Compose your configuration from those groups (group=option)\n\n$APP_CONFIG_GROUPS\n\n" +
        "== Config ==\nOverride anything in the config (foo.bar=value)\n\n$CONFIG\n\n${hydra.help.footer}\n",
    },
  ],
  [
    "hydra_help",
    "default",
    {
      template:
        "Hydra (${hydra.runtime.version})\nSee https://hydra.cc for more info.\n\n== Flags ==\n$FLAGS_HELP\n\n" +
        "== Configuration groups ==\nCompose your configuration from those groups (For example, append " +
        "hydra/job_logging=disabled to command line)\n\n$HYDRA_CONFIG_GROUPS\n\n" +
        "Use '--cfg hydra' to Show the Hydra config.\n",
    },
  ],
  [
    "hydra_logging",
    "default",
    {
      version: 1,
      formatters: simpleFormat("[%(asctime)s][HYDRA] %(message)s"),
      handlers: { console },
      root: { level: "INFO", handlers: ["console"] },
      loggers: { logging_example: { level: "DEBUG" } },
      disable_existing_loggers: false,
    },
  ],
  ["hydra_logging", "disabled", { version: 1, root: { level: "ERROR" }, disable_existing_loggers: true }],
  [
    "hydra_logging",
    "hydra_debug",
    {
      version: 1,
      formatters: simpleFormat(line),
      handlers: {
        file: {
          class: "logging.FileHandler",
          mode: "w",
          formatter: "simple",
          filename: "hydra-${hydra.job.name}.log",
          delay: true,
        },
      },
      root: { level: "ERROR", handlers: ["file"] },
      loggers: { hydra: { level: "DEBUG" } },
      disable_existing_loggers: false,
    },
  ],
  ["hydra_logging", "none", { version: 1, root: null, disable_existing_loggers: false }],
  [
    "job_logging",
    "default",
    {
      version: 1,
      formatters: simpleFormat(line),
      handlers: {
        console,
        file,
      },
      root: { level: "INFO", handlers: ["console", "file"] },
      disable_existing_loggers: false,
    },
  ],
  ["job_logging", "disabled", { version: 1, root: { level: "ERROR" }, disable_existing_loggers: true }],
  ["job_logging", "none", { version: 1, root: null, disable_existing_loggers: false }],
  [
    "job_logging",
    "stdout",
    {
      version: 1,
      formatters: simpleFormat("%(message)s"),
      handlers: { console },
      root: { level: "INFO", handlers: ["console"] },
      disable_existing_loggers: false,
    },
  ],
  [
    "output",
    "default",
    {
      run: { dir: "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}" },
      sweep: { dir: "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}", subdir: "${hydra.job.num}" },
    },
    "hydra",
  ],
];

const launcher = structOf("BasicLauncherConf", { _target_: strType });
const sweeper = structOf("BasicSweeperConf", {
  _target_: strType,
  max_batch_size: optional(intType),
  params: optional(dictOf(strType)),
});

export const basicLauncherTarget = "hydra._internal.core_plugins.basic_launcher.BasicLauncher";
export const basicSweeperTarget = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper";

/** What Hydra has as files: the `pkg://hydra.conf` of the search path. */
export const hydraFiles = new ConfigStore();
/** What Hydra has as dataclasses, typed. */
export const hydraSchemas = new ConfigStore();

for (const [group, name, node, packageName] of options) {
  hydraFiles.store({ group: `hydra/${group}`, name, node, package: packageName, provider: "hydra" });
}
const schema = (group: string, name: string, type: TypedNode) =>
  hydraSchemas.store({ group, name, node: type, provider: "hydra" });
schema("hydra", "config", new TypedNode(hydraType, hydraConfig));
schema("hydra/launcher", "basic", new TypedNode(launcher, { _target_: basicLauncherTarget }));
schema(
  "hydra/sweeper",
  "basic",
  new TypedNode(sweeper, { _target_: basicSweeperTarget, max_batch_size: null, params: null }),
);
hydraSchemas.store({ name: "_dummy_empty_config_", node: {}, provider: "hydra" });

/** The configs of hydra_colorlog, which public configurations name: they are found, and listed nowhere. */
export const colorlogFiles = new ConfigStore();
const colored = (prefix: string, rest: string) => ({
  "()": "colorlog.ColoredFormatter",
  format: `[%(cyan)s%(asctime)s%(reset)s]${prefix}${rest}`,
});
const colorConsole = { ...console, formatter: "colorlog" };
colorlogFiles.store({
  group: "hydra/hydra_logging",
  name: "colorlog",
  provider: "hydra-colorlog",
  node: {
    version: 1,
    formatters: { colorlog: colored("[%(purple)sHYDRA%(reset)s]", " %(message)s") },
    handlers: { console: colorConsole },
    root: { level: "INFO", handlers: ["console"] },
    disable_existing_loggers: false,
  },
});
colorlogFiles.store({
  group: "hydra/job_logging",
  name: "colorlog",
  provider: "hydra-colorlog",
  node: {
    version: 1,
    formatters: {
      ...simpleFormat(line),
      colorlog: {
        ...colored("[%(blue)s%(name)s%(reset)s]", "[%(log_color)s%(levelname)s%(reset)s] - %(message)s"),
        log_colors: { DEBUG: "purple", INFO: "green", WARNING: "yellow", ERROR: "red", CRITICAL: "red" },
      },
    },
    handlers: {
      console: colorConsole,
      file,
    },
    root: { level: "INFO", handlers: ["console", "file"] },
    disable_existing_loggers: false,
  },
});
