import { readlinkSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import type { FromWorker, ToWorker, WorkerSetup } from "./protocol.ts";
import { SampleMaker } from "./sample-maker.ts";

const lowestPriority = constants.priority.PRIORITY_LOW;

/** Lowers this thread's priority where the system can do so for one thread (Linux). */
function giveWay(niceness: number): void {
  if (niceness <= 0 || process.platform !== "linux") return;
  try {
    // On Linux a priority belongs to a thread; this link names the thread that reads it.
    const thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    setPriority(thread, Math.min(lowestPriority, getPriority(thread) + niceness));
  } catch {
    // Not permitted or no /proc: the worker runs at the normal priority.
  }
}

async function main(): Promise<void> {
  const port = parentPort;
  if (port === null) return;
  const setup = workerData as WorkerSetup;
  giveWay(setup.niceness);
  const send = (message: FromWorker) => port.postMessage(message);
  const maker = await SampleMaker.create(setup);
  let queue = Promise.resolve();
  port.on("message", (message: ToWorker) => {
    if (message.type === "ring") maker.useRing(message.ring);
    else if (message.type === "stop") port.close();
    else {
      queue = queue.then(async () => {
        send({ type: "result", result: await maker.perform(message.task) });
      });
    }
  });
  send({ type: "ready" });
}

await main();
