import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  CtError,
  canRedraw,
  hasColor,
  type LogLevel,
  type LogSink,
  logLevels,
  rankName,
  setLogLevel,
  setLogSinks,
  suggestion,
} from "@classifier-training/base";

/** A log that goes to standard error and to a file. */
export interface RunLog {
  /** A text that only the file gets in full when people watch: the terminal has the short form. */
  long(name: string, text: string, short: string): void;
  end(): void;
}

/**
 * Sends the log to standard error and to a file from now on.
 * @throws CtError for a level that does not exist
 */
export function logTo(file: string, level: string): RunLog {
  const known = logLevels.find((candidate) => candidate === level.toUpperCase());
  if (known === undefined) {
    throw new CtError({
      code: "classifier/log-level",
      what: `'${level}' is not a log level`,
      where: "log_level",
      fix: suggestion(level, logLevels),
    });
  }
  setLogLevel(known);
  mkdirSync(dirname(file), { recursive: true });
  const inFile = toFile(file);
  const end = setLogSinks([toStandardError, inFile]);
  return {
    end,
    long(name, text, short) {
      const record = { time: new Date(), level: "INFO", name, message: text } as const;
      if (logLevels.indexOf(known) > logLevels.indexOf("INFO")) return;
      inFile(record);
      toStandardError(process.stderr.isTTY ? { ...record, message: short } : record);
    },
  };
}

/**
 * The log of a rank after the first: errors, and warnings about the data, of which each rank has its own part. The rest
 * would repeat what the first one says.
 */
export function logAsRank(): () => void {
  const rank = rankName();
  return setLogSinks([
    ({ level, name, message }) => {
      if (level === "ERROR" || (level === "WARNING" && name.startsWith("vision.")))
        process.stderr.write(`rank ${rank}: ${level}: ${message}\n`);
    },
  ]);
}

const colors: Partial<Record<LogLevel, string>> = { WARNING: "\x1b[33m", ERROR: "\x1b[31m" };

const toStandardError: LogSink = ({ level, message }) => {
  const color = hasColor(process.stderr) ? colors[level] : undefined;
  const text = level === "INFO" ? message : `${level}: ${message}`;
  // A progress bar may stand in this line: it is written again in the next one.
  const start = canRedraw(process.stderr) ? "\r\x1b[2K" : "";
  process.stderr.write(color === undefined ? `${start}${text}\n` : `${start}${color}${text}\x1b[0m\n`);
};

function toFile(path: string): LogSink {
  let broken = false;
  return ({ time, level, name, message }) => {
    if (broken) return;
    try {
      appendFileSync(path, `${time.toISOString()} | ${level.padEnd(7)} | ${name} - ${message}\n`);
    } catch {
      // A full disk must not stop the training; the terminal still has the log.
      broken = true;
    }
  };
}
