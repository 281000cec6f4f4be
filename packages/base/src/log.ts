import { spellOptions } from "./option-names.ts";
import { maskText } from "./secrets.ts";
import { canRedraw } from "./terminal.ts";
import { printable } from "./text.ts";

export const logLevels = ["DEBUG", "INFO", "WARNING", "ERROR"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogRecord {
  readonly level: LogLevel;
  readonly time: Date;
  /** The part of the system that speaks, e.g. `lightning.trainer`. */
  readonly name: string;
  readonly message: string;
  /** For the log file: a terminal leaves it out where there is one. */
  readonly isDetail?: boolean;
}

export type LogSink = (record: LogRecord) => void;

const toStandardError: LogSink = ({ level, message }) => {
  process.stderr.write(level === "INFO" ? `${message}\n` : `${level}: ${message}\n`);
};

let threshold: LogLevel = "INFO";
let sinks: readonly LogSink[] = [toStandardError];
const saidOnce = new Set<string>();

/** Sends log records to these sinks from now on; returns what undoes it. */
export function setLogSinks(next: readonly LogSink[]): () => void {
  const previous = sinks;
  sinks = next;
  return () => {
    sinks = previous;
  };
}

export function setLogLevel(level: LogLevel): void {
  threshold = level;
}

export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  /** Of level INFO, but for those who look into the log file: a command that writes one does not print it. */
  detail(message: string): void;
  warning(message: string): void;
  error(message: string): void;
  /** Warns the first time only that this message comes up in the process. */
  warnOnce(message: string): void;
}

/** The log of one part of the system. */
export function getLogger(name: string): Logger {
  const write = (level: LogLevel, message: string, isDetail = false) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(threshold)) return;
    const shown = maskText(printable(spellOptions(message)));
    const record: LogRecord = { level, time: new Date(), name, message: shown, isDetail };
    for (const sink of sinks) sink(record);
  };
  return {
    debug: (message) => write("DEBUG", message),
    info: (message) => write("INFO", message),
    detail: (message) => write("INFO", message, true),
    warning: (message) => write("WARNING", message),
    error: (message) => write("ERROR", message),
    warnOnce: (message) => {
      // While the log is switched off nothing is said: the message is still to come.
      if (saidOnce.has(message) || sinks.length === 0) return;
      saidOnce.add(message);
      write("WARNING", message);
    },
  };
}

/** Shorter work is not reported. */
const quietMs = 2000;
const defaultLineMs = 10_000;

/**
 * Reports the progress of work that takes more than two seconds: in a line of the terminal that is gone when the work is
 * done; without one, in a log.
 * @param lineMs how often there, by default every ten seconds
 */
export function progressInLog(
  log: Logger,
  what: (done: number, total: number) => string,
  lineMs = defaultLineMs,
): (done: number, total: number) => void {
  const started = performance.now();
  const redraws = canRedraw(process.stderr);
  let last = 0;
  return (done: number, total: number): void => {
    const now = performance.now();
    if (now - started < quietMs || (done < total && now - last < (redraws ? 100 : lineMs))) return;
    if (redraws) process.stderr.write(`\r\x1b[2K${done < total ? printable(what(done, total)) : ""}`);
    else if (done < total) log.info(what(done, total));
    last = now;
  };
}
