import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type LogLevel, type LogRecord, type LogSink, setLogLevel, setLogSinks } from "@classifier-training/base";
import { strftime } from "../compose/strftime.ts";
import type { DictConfig } from "../omegaconf/containers.ts";
import { selectRaw } from "../omegaconf/select.ts";
import { toContainer } from "../omegaconf/to-container.ts";

/** Python's numeric levels; CRITICAL has no counterpart of its own here. */
const ranks: Readonly<Record<string, number>> = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  WARNING: 30,
  ERROR: 40,
  FATAL: 50,
  CRITICAL: 50,
};

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
  readonly formatters?: Readonly<Record<string, { format?: string; datefmt?: string }>>;
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

function formatter(config: { format?: string; datefmt?: string } | undefined): (record: LogRecord) => string {
  const format = config?.format ?? "%(message)s";
  return (record) =>
    format.replace(/%\((\w+)\)(-?\d*)[sd]/g, (whole, name: string, width: string) => {
      const text = field(name, record, config?.datefmt);
      if (text === undefined) return whole;
      const size = Number(width || 0);
      return size < 0 ? text.padEnd(-size) : text.padStart(size);
    });
}

function field(name: string, record: LogRecord, dateFormat: string | undefined): string | undefined {
  switch (name) {
    case "asctime":
      if (dateFormat !== undefined) return strftime(dateFormat, record.time);
      return `${strftime("%Y-%m-%d %H:%M:%S", record.time)},${String(record.time.getMilliseconds()).padStart(3, "0")}`;
    case "name":
      return record.name;
    case "levelname":
      return record.level;
    case "levelno":
      return String(ranks[record.level]);
    case "message":
      return record.message;
    case "process":
      return String(process.pid);
    case "processName":
      return "MainProcess";
    case "thread":
    case "threadName":
      return "MainThread";
    case "log_color":
    case "reset":
      return "";
    default:
      return undefined;
  }
}

function makeHandler(config: HandlerConfig, formatters: LoggingConfig["formatters"]): Handler {
  const format = formatter(formatters?.[config.formatter ?? ""]);
  const rank = rankOf(config.level) ?? 0;
  const kind = config.class ?? "";
  if (config.filename !== undefined) {
    const { filename } = config;
    mkdirSync(dirname(filename), { recursive: true });
    if (config.mode === "w") writeFileSync(filename, "");
    else if (config.delay !== true) appendFileSync(filename, "");
    return { rank, format, isFile: true, write: (text) => appendFileSync(filename, text) };
  }
  if (kind.endsWith("NullHandler")) return { rank, format, isFile: false, write: () => {} };
  const stream = config.stream === "ext://sys.stdout" ? process.stdout : process.stderr;
  return { rank, format, isFile: false, write: (text) => stream.write(text) };
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
  const handlers = new Map(
    Object.entries(settings.handlers ?? {}).map(([name, handler]) => [name, makeHandler(handler, settings.formatters)]),
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
