import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../bin/classifier.js", import.meta.url));

/**
 * This process's own flags, such as limits of memory. A debugger has one process, and the program is built: what sources
 * are run with is not for it.
 */
const nodeFlags = process.execArgv.filter(
  (flag, i, all) => !/^--inspect|^(-C|--conditions|--import|--require|-r)(=|$)/.test(flag) && !takesNext(all[i - 1]),
);

function takesNext(flag: string | undefined): boolean {
  return flag !== undefined && /^(-C|--conditions|--import|--require|-r)$/.test(flag);
}

interface StartOptions {
  /** Takes what it writes. */
  readonly log: string;
  /** It continues when this process ends, and a Ctrl-C in this terminal is not for it. */
  readonly outlives: boolean;
}

/** Starts this package's command line, in the working directory. */
export function startCommand(words: readonly string[], { log, outlives }: StartOptions): ChildProcess {
  const output = openSync(log, "a");
  try {
    const child = spawn(process.execPath, [...nodeFlags, program, ...words], {
      stdio: ["ignore", output, output],
      detached: outlives,
      windowsHide: true,
      env: { ...process.env, NO_COLOR: "1" },
    });
    if (outlives) child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

interface Answer {
  readonly code: number | null;
  /** Both streams. */
  readonly text: string;
}

/** Runs a command that answers soon. */
export function askCommand(words: readonly string[], timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeFlags, program, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      windowsHide: true,
      env: { ...process.env, NO_COLOR: "1" },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        text = (text + chunk).slice(-65_536);
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, text }));
  });
}
