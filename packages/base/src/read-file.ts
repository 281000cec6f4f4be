import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { CtError } from "./errors.ts";

/**
 * Opens a file that someone else may have made, for reading: a regular file, links followed. A pipe or a device is
 * refused, where `openSync` would wait for it for ever.
 * @returns its descriptor and its size in bytes
 * @throws CtError `file/read`, naming the file
 */
export function openRegularFile(path: string): { file: number; size: number } {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(file);
    if (stats.isFile()) return { file, size: stats.size };
    throw notReadable(path, `expected a file, found a ${kindOf(stats)}`);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    if (CtError.is(error)) throw error;
    throw notReadable(path, `the file cannot be read: ${(error as Error).message}`, error);
  }
}

/**
 * Reads a file that someone else may have made: a regular one of at most `maxBytes` bytes.
 * @throws CtError `file/read`, naming the file
 */
export function readRegularFile(path: string, maxBytes: number): Buffer<ArrayBuffer> {
  const { file, size } = openRegularFile(path);
  try {
    if (size > maxBytes) throw notReadable(path, `the file has ${size} bytes, and at most ${maxBytes} are read`);
    const bytes = Buffer.allocUnsafeSlow(size);
    let length = 0;
    while (length < size) {
      // One call reads at most 2 GiB.
      const read = readSync(file, bytes, length, Math.min(size - length, 2 ** 30), null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    if (CtError.is(error)) throw error;
    throw notReadable(path, `the file cannot be read: ${(error as Error).message}`, error);
  } finally {
    closeSync(file);
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
