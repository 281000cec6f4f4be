import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  getLogger,
  type LogLevel,
  type LogRecord,
  type LogSink,
  setLogLevel,
  setLogSinks,
} from "@classifier-training/base";
import type { DictConfig } from "../omegaconf/containers.ts";
import { selectRaw } from "../omegaconf/select.ts";
import { toContainer } from "../omegaconf/to-container.ts";
import { createFormatter, type FormatterConfig, ranks } from "./log-format.ts";

const log = getLogger("hydra");

interface Handler {
  readonly rank: number;
  readonly isFile: boolean;
  write(text: string): void;
  format(record: LogRecord): string;
}

interface LoggerRule {
  readonly rank: number | undefined;
  readonly handlers: readonly Handler[];
  readonly propagate: boolean;
}

/** The part of Python's `logging.config.dictConfig` that configurations use. */
interface LoggingConfig {
  readonly formatters?: Readonly<Record<string, FormatterConfig>>;
  readonly handlers?: Readonly<Record<string, HandlerConfig>>;
  readonly loggers?: Readonly<Record<string, { level?: string; handlers?: string[]; propagate?: boolean }>>;
  readonly root?: { level?: string; handlers?: string[] } | null;
}

interface HandlerConfig {
  readonly class?: string;
  readonly level?: string;
  readonly formatter?: string;
  readonly stream?: string;
  readonly filename?: string;
  readonly mode?: string;
  readonly delay?: boolean;
}

function rankOf(level: string | number | undefined): number | undefined {
  return typeof level === "number" ? level : level === undefined ? undefined : ranks[level.toUpperCase()];
}

/** Handlers that write to a terminal; any other one without a file does too, with a warning. */
const streamHandler = /(^|\.)(StreamHandler|RichHandler)$/;

function makeHandler(name: string, config: HandlerConfig, formatters: LoggingConfig["formatters"]): Handler {
  const { format } = createFormatter(formatters?.[config.formatter ?? ""]);
  const rank = rankOf(config.level) ?? 0;
  const kind = config.class ?? "";
  if (config.filename !== undefined) {
    const { filename } = config;
    mkdirSync(dirname(filename), { recursive: true });
    if (config.mode === "w") writeFileSync(filename, "");
    else if (config.delay !== true) appendFileSync(filename, "");
    const write = (text: string) => {
      try {
        appendFileSync(filename, text);
      } catch {
        // As Python's logging: a full disk does not end the job.
      }
    };
    return { rank, isFile: true, write, format: (record) => format(record, false) };
  }
  if (kind.endsWith("NullHandler")) return { rank, format: () => "", isFile: false, write: () => {} };
  if (kind !== "" && !streamHandler.test(kind)) {
    log.warning(`hydra logging: handlers.${name}: '${kind}' is not built in: it writes to standard error`);
  }
  const isOutput = config.stream === "ext://sys.stdout" || kind.endsWith("RichHandler");
  const stream = isOutput ? process.stdout : process.stderr;
  const colored = stream.isTTY === true && !process.env["NO_COLOR"];
  return { rank, isFile: false, write: (text) => stream.write(text), format: (record) => format(record, colored) };
}

/** What the formatters of a node get wrong, once for each of them. */
function warnOfFields(key: string, formatters: LoggingConfig["formatters"]): void {
  for (const [name, config] of Object.entries(formatters ?? {})) {
    for (const problem of createFormatter(config).problems) log.warnOnce(`${key}.formatters.${name}: ${problem}`);
  }
}

let fileHandlers: readonly Handler[] = [];

/**
 * Sends log records where a `hydra.job_logging` or `hydra.hydra_logging` node says, and nowhere else. A node whose root
 * is null leaves everything as it is. Returns what undoes it.
 */
export function configureLogging(config: DictConfig, key: "hydra.job_logging" | "hydra.hydra_logging"): () => void {
  const node = selectRaw(config, key);
  const verbose = selectRaw(config, "hydra.verbose");
  const settings = (node === null ? {} : toContainer(node as DictConfig, { resolve: true })) as LoggingConfig;
  const debugged = new Set(debuggedLoggers(verbose));
  if (settings.root === null) return () => {};
  warnOfFields(key, settings.formatters);
  const handlers = new Map(
    Object.entries(settings.handlers ?? {}).map(([name, handler]) => [
      name,
      makeHandler(name, handler, settings.formatters),
    ]),
  );
  const named = (names: readonly string[] | undefined) =>
    (names ?? []).map((name) => handlers.get(name)).filter((handler) => handler !== undefined);
  const rules = new Map<string, LoggerRule>();
  for (const [name, logger] of Object.entries(settings.loggers ?? {})) {
    const propagate = logger.propagate ?? true;
    rules.set(name, { rank: rankOf(logger.level), handlers: named(logger.handlers), propagate });
  }
  for (const name of debugged) {
    if (name !== "") rules.set(name, { handlers: [], propagate: true, ...rules.get(name), rank: ranks["DEBUG"] });
  }
  const rootRank = debugged.has("") ? 10 : (rankOf(settings.root?.level) ?? 30);
  const root: LoggerRule = { rank: rootRank, handlers: named(settings.root?.handlers), propagate: false };
  fileHandlers = root.handlers.filter((handler) => handler.isFile);
  setLogLevel(lowestLevel([root, ...rules.values()]));
  return setLogSinks([sink(root, rules)]);
}

function sink(root: LoggerRule, rules: ReadonlyMap<string, LoggerRule>): LogSink {
  return (record) => {
    const chain: LoggerRule[] = [];
    for (let name = record.name; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
      const rule = rules.get(name);
      if (rule !== undefined) chain.push(rule);
    }
    chain.push(root);
    const rank = ranks[record.level] ?? 0;
    const threshold = chain.find((rule) => rule.rank !== undefined)?.rank ?? 0;
    if (rank < threshold) return;
    for (const rule of chain) {
      for (const handler of rule.handlers) if (rank >= handler.rank) handler.write(`${handler.format(record)}\n`);
      if (!rule.propagate) break;
    }
  };
}

/** Writes a record to the log files only, as when a job fails: the terminal gets a shorter account. */
export function logToFiles(record: LogRecord): void {
  for (const handler of fileHandlers) handler.write(`${handler.format(record)}\n`);
}

function debuggedLoggers(verbose: unknown): string[] {
  if (verbose === true) return [""];
  if (typeof verbose === "string") return [verbose];
  if (verbose === null || typeof verbose !== "object") return [];
  return toContainer(verbose as DictConfig, { resolve: true }) as string[];
}

function lowestLevel(rules: readonly LoggerRule[]): LogLevel {
  const lowest = Math.min(...rules.map((rule) => rule.rank ?? 50));
  return lowest <= 10 ? "DEBUG" : lowest <= 20 ? "INFO" : lowest <= 30 ? "WARNING" : "ERROR";
}
