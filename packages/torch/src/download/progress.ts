import { canRedraw, columnsOf, shortened } from "@classifier-training/base";

/** How far a download is. */
export interface DownloadProgress {
  readonly file: string;
  /** Bytes on disk, those of an earlier attempt included. */
  readonly receivedBytes: number;
  /** Absent when the server does not say. */
  readonly totalBytes: number | undefined;
  /** Bytes per second since this attempt began. */
  readonly bytesPerSecond: number;
  readonly done: boolean;
}

export type ProgressListener = (progress: DownloadProgress) => void;

/**
 * Shows a download as one line that rewrites itself; on a stream that is not a terminal it prints a line at the end only.
 */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): ProgressListener {
  let shownAt = 0;
  return (progress) => {
    const now = Date.now();
    const redraws = canRedraw(stream);
    if (!progress.done && (!redraws || now - shownAt < 100)) return;
    shownAt = now;
    // A line that wraps could not be written over.
    const line = progressLine(progress, redraws ? columnsOf(stream) - 1 : undefined);
    stream.write(redraws ? `\r\x1b[2K${line}${progress.done ? "\n" : ""}` : `${line}\n`);
  };
}

/** One line of text: name, bar, amounts, speed and time left; shorter where the columns do not suffice. */
export function progressLine(
  { file, receivedBytes, totalBytes, bytesPerSecond }: DownloadProgress,
  columns = Number.POSITIVE_INFINITY,
): string {
  const speed = `${megabytes(bytesPerSecond)} MB/s`;
  if (totalBytes === undefined || totalBytes === 0) return `${file} ${megabytes(receivedBytes)} MB ${speed}`;
  const fraction = Math.min(1, receivedBytes / totalBytes);
  const filled = Math.round(fraction * 20);
  const bar = ` [${"=".repeat(filled)}${" ".repeat(20 - filled)}]`;
  const left =
    fraction < 1 && bytesPerSecond > 0 ? ` ${Math.ceil((totalBytes - receivedBytes) / bytesPerSecond)} s left` : "";
  const amounts = ` ${Math.floor(fraction * 100)}% ${megabytes(receivedBytes)}/${megabytes(totalBytes)} MB ${speed}${left}`;
  if (file.length + bar.length + amounts.length <= columns) return `${file}${bar}${amounts}`;
  return `${file.length + amounts.length <= columns ? file : shortened(file, columns - amounts.length)}${amounts}`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
