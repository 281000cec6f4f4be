import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  CtError,
  type LogLevel,
  type LogSink,
  logLevels,
  setLogLevel,
  setLogSinks,
  suggestion,
} from "@classifier-training/base";

/**
 * Sends the log to standard error and to a file from now on; returns what ends that.
 * @throws CtError for a level that does not exist
 */
export function logTo(file: string, level: string): () => void {
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
  return setLogSinks([toStandardError, toFile(file)]);
}

const colours: Partial<Record<LogLevel, string>> = { WARNING: "\x1b[33m", ERROR: "\x1b[31m" };

const toStandardError: LogSink = ({ level, message }) => {
  const colour = process.stderr.isTTY ? colours[level] : undefined;
  const text = level === "INFO" ? message : `${level}: ${message}`;
  // A progress bar may stand in this line: it draws itself again in the next one.
  const start = process.stderr.isTTY ? "\r\x1b[2K" : "";
  process.stderr.write(colour === undefined ? `${start}${text}\n` : `${start}${colour}${text}\x1b[0m\n`);
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
