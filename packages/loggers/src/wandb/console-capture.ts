export type StreamName = "stdout" | "stderr";

/** Whole lines of a console stream, as a terminal would leave them: what `\r` overwrote is gone. */
export class LineCollector {
  #rest = "";

  /** Lines completed by this text. */
  add(text: string): string[] {
    const pieces = (this.#rest + text).split("\n");
    this.#rest = (pieces.pop() as string).replace(/^.*\r(?=[^\r])/s, "");
    return pieces.map(visible);
  }

  /** The unfinished last line, if it has any text. */
  flush(): string[] {
    const line = visible(this.#rest);
    this.#rest = "";
    return line === "" ? [] : [line];
  }
}

/**
 * Passes on what the process writes to its console, and hands the lines to `onLines` as well, in batches. Nothing is
 * held back from the console. Returns what ends it.
 */
export function captureConsole(onLines: (stream: StreamName, lines: readonly string[]) => void): () => void {
  const undo = (["stdout", "stderr"] as const).map((name) => {
    const stream = process[name];
    const original = stream.write;
    const collector = new LineCollector();
    const hook = (chunk: string | Uint8Array, ...rest: never[]): boolean => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
      const lines = collector.add(text);
      if (lines.length > 0) onLines(name, lines);
      return Reflect.apply(original, stream, [chunk, ...rest]) as boolean;
    };
    stream.write = hook as typeof stream.write;
    return () => {
      // Someone else may have wrapped it since; then this hook stays in the chain, without effect.
      if (stream.write === (hook as typeof stream.write)) stream.write = original;
      const lines = collector.flush();
      if (lines.length > 0) onLines(name, lines);
    };
  });
  return () => {
    for (const stop of undo) stop();
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the terminal's control sequences
const cursorSequences = /\u001b\[[0-9;?]*[A-HJKSTfhlsu]/g;

function visible(line: string): string {
  const end = line.endsWith("\r") ? line.slice(0, -1) : line;
  return end.slice(end.lastIndexOf("\r") + 1).replaceAll(cursorSequences, "");
}
