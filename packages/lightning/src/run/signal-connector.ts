import { spawnSync } from "node:child_process";
import { getLogger } from "@classifier-training/base";
import { LightningError } from "../utilities/errors.ts";

const log = getLogger("lightning.signals");

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type StopSignal = keyof typeof exitCodes;

/** Training was ended from outside; the run is saved and can be resumed. */
export class TrainingInterrupted extends LightningError {
  readonly signal: StopSignal;
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super({
      code: "lightning/interrupted",
      what: `training was interrupted by ${signal}`,
      fix: 'run it again with ckptPath: "last" to resume from here',
    });
    this.signal = signal;
    this.exitCode = exitCodes[signal];
  }
}

export interface SignalRequests {
  readonly interrupt: boolean;
  readonly terminate: boolean;
  readonly hangUp: boolean;
  readonly save: boolean;
}

/**
 * SIGINT, SIGTERM and SIGHUP (the terminal is gone) end the run after the step in progress, a second one at once; SIGUSR1 saves. Under SLURM, SIGUSR1
 * (`#SBATCH --signal=SIGUSR1@90`) also has the job requeued.
 */
export class SignalConnector {
  readonly #distributed: boolean;
  #stop: StopSignal | undefined;
  #save = false;
  /** In a distributed run a request counts once all ranks know of it. */
  #agreed: SignalRequests | undefined;
  #installed: (readonly [NodeJS.Signals, () => void])[] = [];
  /** What puts the job back into the queue; replaced in tests and for other schedulers. */
  requeue: (() => void) | undefined = process.env["SLURM_JOB_ID"] === undefined ? undefined : requeueSlurmJob;

  constructor(distributed = false) {
    this.#distributed = distributed;
  }

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
      ["SIGHUP", stop("SIGHUP")],
      ["SIGUSR1", save],
    ];
    for (const [signal, handler] of this.#installed) process.on(signal, handler);
  }

  remove(): void {
    for (const [signal, handler] of this.#installed) process.off(signal, handler);
    this.#installed = [];
    this.#stop = undefined;
    this.#save = false;
    this.#agreed = undefined;
  }

  /** What was asked of this process. */
  get requests(): SignalRequests {
    return {
      interrupt: this.#stop === "SIGINT",
      terminate: this.#stop === "SIGTERM",
      hangUp: this.#stop === "SIGHUP",
      save: this.#save,
    };
  }

  /** What was asked of any rank: from now on that is what counts. */
  agree(requests: SignalRequests): void {
    this.#agreed = requests;
  }

  get #stopSignal(): StopSignal | undefined {
    if (this.#agreed === undefined) return this.#distributed ? undefined : this.#stop;
    const { terminate, interrupt, hangUp } = this.#agreed;
    return terminate ? "SIGTERM" : interrupt ? "SIGINT" : hangUp ? "SIGHUP" : undefined;
  }

  /** Whether to save now; says so once. */
  takeSaveRequest(): boolean {
    const asked = (this.#distributed ? this.#agreed?.save === true : this.#save) && this.#stopSignal === undefined;
    if (asked) {
      this.#save = false;
      if (this.#agreed !== undefined) this.#agreed = { ...this.#agreed, save: false };
    }
    return asked;
  }

  get stopRequested(): boolean {
    return this.#stopSignal !== undefined;
  }

  /** @throws TrainingInterrupted when the run is to end. */
  check(): void {
    if (this.#stopSignal !== undefined) throw new TrainingInterrupted(this.#stopSignal);
  }

  /**
   * After the run was saved: hands the job back to the scheduler, when any rank was asked for that. For the rank that
   * saves alone: the scheduler may end all of them at once.
   */
  afterSave(): void {
    if (this.#agreed?.save ?? this.#save) this.requeue?.();
  }
}

function requeueSlurmJob(): void {
  const { SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task, SLURM_JOB_ID: job = "" } = process.env;
  const id = array === undefined ? job : `${array}_${task}`;
  const { status, error } = spawnSync("scontrol", ["requeue", id], { stdio: "ignore" });
  if (status === 0) log.info(`requeued SLURM job ${id}`);
  else log.warning(`could not requeue SLURM job ${id}: ${error?.message ?? `scontrol ended with ${status}`}`);
}
