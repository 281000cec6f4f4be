import { HydraError } from "../errors.ts";
import { installLine, shells } from "./completion-scripts.ts";

/** A command line that does not fit the flags. Exit code 2, as Python's argparse has it. */
export class UsageError extends HydraError {
  constructor(what: string) {
    super({ code: "hydra/usage", what });
  }
}

interface Flag {
  /** Long name first. */
  readonly names: readonly string[];
  readonly help: string;
  /** `none`: a switch; `one`: takes a value; `optional`: takes a value if one follows. */
  readonly value: "none" | "one" | "optional";
  readonly choices?: readonly string[];
  /** The value of an optional one that is not given. */
  readonly implied?: string;
}

const infoChoices = [
  "all",
  "config",
  "defaults",
  "defaults-tree",
  "plugins",
  "searchpath",
  "check",
  "explain",
  "unused",
] as const;

const flags = {
  help: { names: ["--help", "-h"], help: "Application's help", value: "none" },
  hydraHelp: { names: ["--hydra-help"], help: "Hydra's help", value: "none" },
  version: { names: ["--version"], help: "Show Hydra's version and exit", value: "none" },
  cfg: {
    names: ["--cfg", "-c"],
    help: "Show config instead of running [job|hydra|all]",
    value: "one",
    choices: ["job", "hydra", "all"],
  },
  resolve: {
    names: ["--resolve"],
    help: "Used in conjunction with --cfg, resolve config interpolations before printing.",
    value: "none",
  },
  package: { names: ["--package", "-p"], help: "Config package to show", value: "one" },
  run: { names: ["--run", "-r"], help: "Run a job", value: "none" },
  multirun: {
    names: ["--multirun", "-m"],
    help: "Run multiple jobs with the configured launcher and sweeper",
    value: "none",
  },
  shellCompletion: {
    names: ["--shell-completion", "-sc"],
    help: "Install or uninstall shell completion",
    value: "none",
  },
  configPath: {
    names: ["--config-path", "-cp"],
    help: "Overrides the configPath given to main(): absolute, or relative to the application's file",
    value: "one",
  },
  configName: { names: ["--config-name", "-cn"], help: "Overrides the configName given to main()", value: "one" },
  configDir: {
    names: ["--config-dir", "-cd"],
    help: "Adds an additional config dir to the config search path",
    value: "one",
  },
  experimentalRerun: {
    names: ["--experimental-rerun"],
    help: "Rerun a job from the config.yaml that it saved (or from its run directory)",
    value: "one",
  },
  info: {
    names: ["--info", "-i"],
    help: `Print Hydra information [${infoChoices.join("|")}]`,
    value: "optional",
    choices: infoChoices,
    implied: "all",
  },
} as const satisfies Readonly<Record<string, Flag>>;

type FlagName = keyof typeof flags;
type ValueOf<F extends Flag> = F["value"] extends "none" ? boolean : string | undefined;

/** The flags of a command line, and its overrides. */
export type ParsedArgs = { readonly [N in FlagName]: ValueOf<(typeof flags)[N]> } & {
  readonly overrides: readonly string[];
};

const table = Object.entries(flags) as [FlagName, Flag][];

/** Parses a command line as argparse does: flags and overrides in any order, long flags by an unambiguous start. */
export function parseArgs(argv: readonly string[]): ParsedArgs {
  const values: Record<string, string | boolean | undefined> = {};
  for (const [name, flag] of table) values[name] = flag.value === "none" ? false : undefined;
  const overrides: string[] = [];
  const rest = [...argv];
  while (rest.length > 0) {
    const arg = rest.shift() as string;
    if (arg === "--") {
      overrides.push(...rest);
      break;
    }
    const match = matchFlag(arg);
    if (match === undefined) {
      overrides.push(arg);
      continue;
    }
    const { name, flag, spelling } = match;
    values[name] = checkedValue(flag, spelling, takeValue(flag, spelling, match.value, rest));
  }
  return { ...values, overrides } as unknown as ParsedArgs;
}

interface Match {
  readonly name: FlagName;
  readonly flag: Flag;
  readonly spelling: string;
  /** What was attached to it: `--cfg=job`, `-cjob`. */
  readonly value: string | undefined;
}

function matchFlag(arg: string): Match | undefined {
  if (!arg.startsWith("-") || arg === "-") return undefined;
  const exact = findExact(arg);
  if (exact !== undefined) return { ...exact, spelling: arg, value: undefined };
  const equals = arg.indexOf("=");
  const [head, value] = equals === -1 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
  const known = findExact(head);
  if (known !== undefined) return { ...known, spelling: head, value };
  if (arg.startsWith("--")) {
    const near = table.filter(([, flag]) => flag.names.some((candidate) => candidate.startsWith(head)));
    if (near.length > 1) {
      const names = near.map(([, flag]) => flag.names[0]).join(", ");
      throw new UsageError(`ambiguous option: ${arg} could match ${names}`);
    }
    const [only] = near;
    if (only !== undefined) return { name: only[0], flag: only[1], spelling: head, value };
  } else {
    const short = findExact(arg.slice(0, 2));
    if (short !== undefined && short.flag.value !== "none") {
      return { ...short, spelling: arg.slice(0, 2), value: arg.slice(2) };
    }
  }
  if (arg.includes(" ") || /^-\d+$|^-\d*\.\d+$/.test(arg)) return undefined;
  throw new UsageError(`unrecognized arguments: ${arg}`);
}

function findExact(spelling: string): { name: FlagName; flag: Flag } | undefined {
  const found = table.find(([, flag]) => flag.names.includes(spelling));
  return found === undefined ? undefined : { name: found[0], flag: found[1] };
}

function takeValue(flag: Flag, spelling: string, attached: string | undefined, rest: string[]): string | boolean {
  if (flag.value === "none") {
    if (attached !== undefined) throw new UsageError(`argument ${spelling}: ignored explicit argument '${attached}'`);
    return true;
  }
  if (attached !== undefined) return attached;
  const [next] = rest;
  const isValue = next !== undefined && (!next.startsWith("-") || next.includes(" ")) && next !== "--";
  if (isValue) return rest.shift() as string;
  if (flag.value === "optional") return flag.implied ?? "";
  throw new UsageError(`argument ${flag.names.join("/")}: expected one argument`);
}

function checkedValue(flag: Flag, _spelling: string, value: string | boolean): string | boolean {
  if (flag.choices === undefined || typeof value !== "string" || flag.choices.includes(value)) return value;
  const choices = flag.choices.map((choice) => `'${choice}'`).join(", ");
  throw new UsageError(`argument ${flag.names.join("/")}: invalid choice: '${value}' (choose from ${choices})`);
}

/** The usage line that goes before a usage error. */
export function usage(program: string): string {
  const parts = table.map(([name, flag]) => {
    const [long] = flag.names;
    const value = flag.choices === undefined ? name.toUpperCase() : `{${flag.choices.join(",")}}`;
    return flag.value === "none" ? `[${long}]` : flag.value === "one" ? `[${long} ${value}]` : `[${long} [${value}]]`;
  });
  return `usage: ${program} ${parts.join(" ")} [overrides ...]`;
}

/** One line for each flag; the `$FLAGS_HELP` of help templates. */
export function flagsHelp(program: string): string {
  const lines = table.map(([name, flag]) => {
    const extra = name === "shellCompletion" ? `:${completionHelp(program)}` : "";
    return `${flag.names.join(",")} : ${flag.help}${extra}`;
  });
  const overrides = "Any key=value arguments to override config values (use dots for.nested=overrides)";
  return [...lines, `Overrides : ${overrides}`].join("\n");
}

function completionHelp(program: string): string {
  return shells.map((shell) => `\n    ${shell}: ${installLine(shell, program)}`).join("");
}
