import { main } from "../src/cli/main.ts";

export interface InProcessResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they were written. */
  readonly text: string;
}

/** Runs the command line in this process and in a folder: seconds cheaper than starting a program. One at a time. */
export async function inProcess(args: readonly string[], cwd: string): Promise<InProcessResult> {
  const before = process.cwd();
  const written = { stdout: "", stderr: "", text: "" };
  const streams = (["stdout", "stderr"] as const).map((name) => ({ name, stream: process[name] }));
  const writes = streams.map(({ stream }) => stream.write);
  process.chdir(cwd);
  for (const { name, stream } of streams) {
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
      written[name] += text;
      written.text += text;
      const done = rest.at(-1);
      if (typeof done === "function") process.nextTick(done);
      return true;
    }) as typeof stream.write;
  }
  try {
    return { code: await main(args), ...written };
  } finally {
    for (const [i, { stream }] of streams.entries()) stream.write = writes[i] as typeof stream.write;
    process.chdir(before);
  }
}
