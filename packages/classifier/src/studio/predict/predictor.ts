import type { Worker } from "node:worker_threads";
import { CtError, spawnWorker } from "@classifier-training/base";
import type { Prediction } from "@classifier-training/dashboard";

/** What the thread is asked for. */
export interface PredictTask {
  readonly id: number;
  /** The folder of a run with an exported model. */
  readonly run: string;
  /** An encoded image. */
  readonly image: Uint8Array;
  readonly classes: number;
}

export type PredictAnswer = { readonly id: number } & (
  | { readonly prediction: Prediction }
  | { readonly problem: { readonly what: string; readonly where?: string; readonly fix?: string } }
);

interface Waiting {
  readonly resolve: (prediction: Prediction) => void;
  readonly reject: (error: Error) => void;
}

/** Images that may wait: a webcam sends the next one when it has its answer. */
const mostWaiting = 16;

/** Exported models in a thread of their own: the server answers while one computes. The thread is started by the first image. */
export class Predictor {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #tasks = 0;

  /** @throws CtError for a run without an exported model, and for what is not an image */
  predict(run: string, image: Uint8Array, classes: number): Promise<Prediction> {
    if (this.#waiting.size >= mostWaiting)
      throw new CtError({ code: "studio/predict", what: "too many images wait for the model", fix: "try again later" });
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = this.#tasks++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, run, image, classes } satisfies PredictTask);
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = spawnWorker(new URL("./predict-worker.ts", import.meta.url));
    const fail = (reason: string) => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.values())
        reject(new CtError({ code: "studio/predict", what: `the model's thread ended: ${reason}`, fix: "try again" }));
      this.#waiting.clear();
    };
    worker.on("message", (answer: PredictAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("prediction" in answer) waiting?.resolve(answer.prediction);
      else waiting?.reject(new CtError({ code: "studio/predict", ...answer.problem }));
    });
    worker.on("error", (error: Error) => fail(error.message));
    worker.on("exit", (code) => fail(`code ${code}`));
    worker.unref();
    return worker;
  }
}
