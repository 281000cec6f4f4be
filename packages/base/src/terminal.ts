interface TerminalLike {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** The width of a stream's lines in characters: that of the terminal, between 60 and 120; 80 elsewhere. */
export function columnsOf({ columns = 80 }: TerminalLike): number {
  return Math.min(120, Math.max(60, columns));
}

/** Whether a stream is a terminal whose lines can be written over. */
export function canRedraw(stream: TerminalLike): boolean {
  return stream.isTTY === true && process.env["TERM"] !== "dumb";
}

/** Whether text there may have colors (https://no-color.org). */
export function hasColor(stream: TerminalLike): boolean {
  return canRedraw(stream) && !process.env["NO_COLOR"];
}

/**
 * What can no longer be written to standard output or standard error (`| head` has ended, the disk is full) is dropped
 * from now on, where it would end the process. @returns what undoes it
 */
export function dropOutputErrors(): () => void {
  const drop = () => {};
  const streams = [process.stdout, process.stderr];
  for (const stream of streams) stream.on("error", drop);
  return () => {
    for (const stream of streams) stream.off("error", drop);
  };
}
