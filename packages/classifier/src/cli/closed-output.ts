import { exitCode } from "./failure.ts";

let trains = false;
let listens = false;

/** From now on the work goes to its end whether someone reads what it prints or not. */
export function continueWithoutReader(): void {
  trains = true;
}

/** `classifier predict ... | head` closes the pipe early: the command ends without a word, as one that SIGPIPE ends. */
export function endQuietlyOnClosedPipe(): void {
  if (listens) return;
  listens = true;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (trains) return;
      if (error.code === "EPIPE") process.exit(exitCode.closedPipe);
      throw error;
    });
  }
}
