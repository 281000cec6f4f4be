/** What the studio's jobs say to the page: child processes of the command line, one at a time. */

export const jobKinds = ["suspects", "check", "next", "learning-curve", "train", "export"] as const;

export type JobKind = (typeof jobKinds)[number];

/** `canceled`: by a person; of a training, `stopped`: it is saved, and the same options resume it. */
export type JobStatus = "queued" | "running" | "done" | "failed" | "canceled" | "stopped";

/** What a person may choose of a job; each kind has its own. */
export interface JobOptions {
  /** Keys of runs: whose networks judge the images, or the run to export. */
  readonly runs?: readonly string[];
  /** `20m`: of a training, and of networks that are trained to judge images. */
  readonly time?: string;
  /** Of a training: a network's name. */
  readonly model?: string;
  /** Of a training, in pixels. */
  readonly imageSize?: number;
  /** Of a training: further overrides, `key=value`. */
  readonly overrides?: readonly string[];
  /** Of a training: begins anew where an interrupted one could be resumed. */
  readonly isAnew?: boolean;
  /** How many images to label next. */
  readonly count?: number;
}

export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly options: JobOptions;
  /** What a person would type. */
  readonly command: string;
  readonly status: JobStatus;
  /** ISO 8601, as the other times. */
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** It was asked to end, and has not yet. */
  readonly isEnding?: boolean;
  /** The last line of what it wrote; of work that is counted, how much of it is done. */
  readonly progress?: { readonly text: string; readonly done?: number; readonly total?: number };
  readonly error?: JobProblem;
  /** Of the process, while it runs. */
  readonly pid?: number;
  /** The key of the run that a training makes. */
  readonly run?: string;
  /** The data has changed since it began. */
  readonly isStale: boolean;
  /** `jobs/ID/result` has what it found. */
  readonly hasResult: boolean;
}

export interface JobProblem {
  readonly what: string;
  readonly fix?: string;
}

/** What is sent on the live stream. */
export interface JobsState {
  /** The data folder, as a command names it. */
  readonly folder: string;
  /** The newest first. */
  readonly jobs: readonly Job[];
}

/** Whether a training would begin, and what the command says if not. */
export interface TrainingCheck {
  readonly ok: boolean;
  readonly command: string;
  /** What it says of the data: images and classes of each split, warnings. */
  readonly remarks: readonly string[];
  readonly problem?: JobProblem;
}

/** What a run chose for itself, and why. */
export interface TrainingDecisions {
  readonly decisions: readonly { readonly key: string; readonly value: string; readonly why: string }[];
}

/** What an exported model says of an image. */
export interface Prediction {
  /** The most probable first. */
  readonly classes: readonly { readonly label: string; readonly probability: number }[];
  /** Milliseconds, of preprocessing and the network. */
  readonly ms: number;
}

/** What `classifier export --json` writes, and the same of the archive after it was loaded again. */
export interface ExportReport {
  readonly split?: string;
  readonly accuracy?: { readonly correct: number; readonly n: number; readonly low: number; readonly high: number };
  /** Largest difference of logits to LibTorch's, and on how many images. */
  readonly parity?: number;
  readonly paritySamples?: number;
  readonly files: number;
  readonly golden: number;
  /** What is wrong with the archive; empty for an intact one. */
  readonly problems: readonly string[];
  readonly largestDifference: number;
  readonly bytes: number;
}

/** An image that `classifier data check` names. */
export interface CheckedImage {
  readonly split: string;
  /** Below `root`. */
  readonly path: string;
  readonly label: string;
}

export interface CheckedGroup {
  readonly images: readonly CheckedImage[];
  readonly labels: readonly string[];
}

/** What the page shows of what `classifier data check --json` writes. */
export interface CheckReport {
  readonly root: string;
  readonly exactDuplicates: readonly CheckedGroup[];
  readonly nearDuplicates: readonly CheckedGroup[];
  readonly contradictions: readonly CheckedGroup[];
  readonly corrupt: readonly { readonly image: CheckedImage; readonly why: string }[];
  readonly tiny: readonly { readonly image: CheckedImage; readonly width: number; readonly height: number }[];
  readonly minSide: number;
}

/** What the archive of an exported run is called. @param run its key */
export function archiveName(run: string): string {
  return `classifier-${run.replaceAll(/[^\w.-]+/g, "-")}.zip`;
}
