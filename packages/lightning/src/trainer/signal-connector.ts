import { spawnSync } from "node:child_process";
import { getLogger } from "@classifier-training/base";
import { LightningError } from "../core/errors.ts";

const log = getLogger("lightning.signals");

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof exitCodes;

/** Training was ended from outside; the run is saved and can be resumed. */
export class TrainingInterrupted extends LightningError {
  readonly signal: StopSignal;
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super({
      code: "lightning/interrupted",
      what: `training was interrupted by ${signal}`,
      fix: 'run it again with ckptPath: "last" to go on from here',
    });
    this.signal = signal;
    this.exitCode = exitCodes[signal];
  }
}

/**
 * SIGINT and SIGTERM end the run after the step in progress, a second one at once; SIGUSR1 saves. Under SLURM, SIGUSR1
 * (`#SBATCH --signal=SIGUSR1@90`) also has the job requeued.
 */
export class SignalConnector {
  #stop: StopSignal | undefined;
  #save = false;
  #installed: (readonly [NodeJS.Signals, () => void])[] = [];
  /** What puts the job back into the queue; replaced in tests and for other schedulers. */
  requeue: (() => void) | undefined = process.env["SLURM_JOB_ID"] === undefined ? undefined : requeueSlurmJob;

  install(): void {
    if (this.#installed.length > 0) return;
    const stop = (signal: StopSignal) => () => {
      if (this.#stop !== undefined) process.exit(exitCodes[signal]);
      this.#stop = signal;
      log.info(`${signal}: finishing this step, then saving and closing; once more ends at once`);
    };
    const save = () => {
      this.#save = true;
      if (this.requeue !== undefined) this.#stop ??= "SIGTERM";
    };
    this.#installed = [
      ["SIGINT", stop("SIGINT")],
      ["SIGTERM", stop("SIGTERM")],
      ["SIGUSR1", save],
    ];
    for (const [signal, handler] of this.#installed) process.on(signal, handler);
  }

  remove(): void {
    for (const [signal, handler] of this.#installed) process.off(signal, handler);
    this.#installed = [];
    this.#stop = undefined;
    this.#save = false;
  }

  /** Whether to save now; says so once. */
  takeSaveRequest(): boolean {
    const asked = this.#save && this.#stop === undefined;
    if (asked) this.#save = false;
    return asked;
  }

  get stopRequested(): boolean {
    return this.#stop !== undefined;
  }

  /** @throws TrainingInterrupted when the run is to end. */
  check(): void {
    if (this.#stop !== undefined) throw new TrainingInterrupted(this.#stop);
  }

  /** After the run was saved: hands the job back to the scheduler, when that was asked for. */
  afterSave(): void {
    if (this.#save) this.requeue?.();
  }
}

function requeueSlurmJob(): void {
  const { SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task, SLURM_JOB_ID: job = "" } = process.env;
  const id = array === undefined ? job : `${array}_${task}`;
  const { status, error } = spawnSync("scontrol", ["requeue", id], { stdio: "ignore" });
  if (status === 0) log.info(`requeued SLURM job ${id}`);
  else log.warning(`could not requeue SLURM job ${id}: ${error?.message ?? `scontrol ended with ${status}`}`);
}
