import { canRedraw, printable } from "@classifier-training/base";

/** Progress: one line that is redrawn in a terminal, a line per tenth elsewhere. */
export function progressLine(
  name: string,
  stream: NodeJS.WriteStream = process.stderr,
): (done: number, total: number) => void {
  const shown = printable(name);
  const start = performance.now();
  let lastTenth = -1;
  let lastDraw = 0;
  return (done, total) => {
    const seconds = (performance.now() - start) / 1000;
    const rate = `${(done / Math.max(seconds, 1e-3)).toFixed(0)}/s`;
    if (canRedraw(stream)) {
      if (done < total && performance.now() - lastDraw < 100) return;
      lastDraw = performance.now();
      stream.write(`\r\x1b[2K${shown}: ${done} of ${total} (${rate})${done === total ? "\n" : ""}`);
      return;
    }
    const tenth = Math.floor((10 * done) / total);
    if (tenth === lastTenth) return;
    lastTenth = tenth;
    stream.write(`${shown}: ${done} of ${total} (${rate})\n`);
  };
}
