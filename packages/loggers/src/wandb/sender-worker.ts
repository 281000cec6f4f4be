import { parentPort, workerData } from "node:worker_threads";
import { WandbSender } from "./sender.ts";
import type { SenderMessage, SenderRequest, SenderWorkerData } from "./sender-thread.ts";

/** The thread that sends a run while it is being written. Nothing of it can slow down or stop the training thread. */
const { options } = workerData as SenderWorkerData;
const abort = new AbortController();
const post = (message: SenderMessage) => parentPort?.postMessage(message);

const sender = new WandbSender({
  ...options,
  signal: abort.signal,
  onEvent: (event) => post({ type: "event", event }),
});

parentPort?.on("message", (request: SenderRequest) => {
  if (request.type === "abort") abort.abort();
  else void sender.flush().then(() => post({ type: "flushed", id: request.id }));
});

try {
  await sender.run();
  post({ type: "done" });
} catch (error) {
  post({ type: "failed", reason: error instanceof Error ? error.message : String(error) });
} finally {
  parentPort?.close();
}
