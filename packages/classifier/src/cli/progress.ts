import { getLogger, progressInLog } from "@classifier-training/base";

const log = getLogger("classifier");

/** Progress of work that takes long: one line that is redrawn in a terminal, now and then a line elsewhere. */
export function progressLine(name: string): (done: number, total: number) => void {
  return progressInLog(log, (done, total) => `${name}: ${done} of ${total}`);
}
