import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  CtError,
  canRedraw,
  hasColor,
  type LogLevel,
  type LogRecord,
  type LogSink,
  logLevels,
  rankName,
  setLogLevel,
  setLogSinks,
  suggestion,
} from "@classifier-training/base";

/**
 * Sends the log to standard error and to a file from now on. What is of detail goes to the file only, at level DEBUG and
 * where the file cannot be written to standard error, too.
 * @returns what undoes it
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
  const inFile = toFile(file);
  return setLogSinks([
    (record) => {
      const isInFile = inFile(record);
      if (!record.isDetail || known === "DEBUG" || !isInFile) toStandardError(record);
    },
  ]);
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

/** Appends records to a file, and says of each whether it is there. */
function toFile(path: string): (record: LogRecord) => boolean {
  let broken = false;
  return ({ time, level, name, message }) => {
    if (broken) return false;
    try {
      appendFileSync(path, `${time.toISOString()} | ${level.padEnd(7)} | ${name} - ${message}\n`);
    } catch {
      // A full disk must not stop the training; the terminal still has the log.
      broken = true;
    }
    return !broken;
  };
}
