import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** An installed Chromium, if there is one. */
export const chromium: string | undefined = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => existsSync(path));

export interface Page {
  /** The value of a JavaScript expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** What the page complained of so far: exceptions, errors on its console, failed requests. */
  readonly errors: readonly string[];
  /** A PNG of what is seen. */
  screenshot(): Promise<Buffer>;
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
}

/** The complaint that a message of the debugger is, if it is one. */
function complaint({ method, params = {} }: Message): string | undefined {
  const { entry, type } = params as { entry?: { level?: string }; type?: string };
  const isError =
    method === "Runtime.exceptionThrown" ||
    (method === "Runtime.consoleAPICalled" && type === "error") ||
    (method === "Log.entryAdded" && entry?.level === "error");
  return isError ? JSON.stringify(params) : undefined;
}

/** Opens a page in headless Chromium, driven over its debugging pipe. */
export async function openPage(url: string): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), "chromium-"));
  const args = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--window-size=1300,900",
    "--remote-debugging-pipe",
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(chromium as string, args, {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    // A process group of its own, so that the browser's helpers end with it.
    detached: true,
  });
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  const errors: string[] = [];
  let buffered = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (buffered + text).split("\0");
    buffered = messages.pop() as string;
    for (const message of messages) {
      const parsed = JSON.parse(message) as Message;
      const wrong = complaint(parsed);
      if (wrong !== undefined) errors.push(wrong);
      waiting.get(parsed.id ?? 0)?.(parsed.result ?? {});
    }
  });
  let lastId = 0;
  let sessionId: string | undefined;
  const call = (method: string, params: object = {}) => {
    const id = ++lastId;
    input.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    return new Promise<Record<string, unknown>>((resolve) => waiting.set(id, resolve));
  };
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  sessionId = (await call("Target.attachToTarget", { targetId, flatten: true }))["sessionId"] as string;
  await call("Runtime.enable");
  await call("Log.enable");
  await call("Page.navigate", { url });
  return {
    errors,
    async evaluate(expression) {
      const { result } = await call("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
      return (result as { value?: unknown }).value;
    },
    async screenshot() {
      return Buffer.from((await call("Page.captureScreenshot"))["data"] as string, "base64");
    },
    async close() {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      process.kill(-(child.pid as number), "SIGKILL");
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 30, retryDelay: 100 });
    },
  };
}
