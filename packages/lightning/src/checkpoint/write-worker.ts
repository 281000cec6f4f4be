import { parentPort } from "node:worker_threads";
import { runWriteJob, type WriteJob } from "./write-job.ts";

/** Writes checkpoints off the training thread, one at a time. */
parentPort?.on("message", (job: WriteJob) => {
  try {
    runWriteJob(job);
    parentPort?.postMessage({ ok: true });
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    parentPort?.postMessage({ ok: false, message, code });
  }
});
