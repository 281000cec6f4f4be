import { parentPort } from "node:worker_threads";
import { runWriteJob, touchPages, type WriteJob } from "./write-job.ts";

/** Writes checkpoints off the training thread, one at a time, and makes memory for their snapshots ready. */
parentPort?.on("message", (message: WriteJob | { readonly touch: SharedArrayBuffer }) => {
  if ("touch" in message) {
    touchPages(message.touch);
    return;
  }
  try {
    runWriteJob(message);
    parentPort?.postMessage({ ok: true });
  } catch (error) {
    const { message: text, code } = error as NodeJS.ErrnoException;
    parentPort?.postMessage({ ok: false, message: text, code });
  }
});
