import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { CtError } from "./errors.ts";

/**
 * Reads a file that someone else may have made: a regular file (links followed) of at most `maxBytes` bytes. A pipe or a
 * device is refused, where `readFileSync` would wait for it for ever.
 * @throws CtError `file/read`, naming the file
 */
export function readRegularFile(path: string, maxBytes: number): Buffer {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(file);
    if (!stats.isFile()) throw notReadable(path, `expected a file, found a ${kindOf(stats)}`);
    if (stats.size > maxBytes)
      throw notReadable(path, `the file has ${stats.size} bytes, and at most ${maxBytes} are read`);
    const bytes = Buffer.alloc(stats.size);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (CtError.is(error)) throw error;
    throw notReadable(path, `the file cannot be read: ${(error as Error).message}`, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "folder";
  if (stats.isFIFO()) return "named pipe (FIFO)";
  return stats.isSocket() ? "socket" : "device";
}

function notReadable(where: string, what: string, cause?: unknown): CtError {
  return new CtError({ code: "file/read", what, where, cause });
}
