import type { DataAnalysis, LabelCounts } from "@classifier-training/runs";

/** What the server says of evaluations. Numbers that are not finite are `null`. */

export interface EvaluationInfo {
  /** `epoch_003`, `best`, `validate`, `test`. */
  readonly id: string;
  /** Counted from 0. */
  readonly epoch?: number;
  /** The epoch with the best value of what the weights were chosen by. */
  readonly isBest: boolean;
  /** Changes when its files do. */
  readonly version: string;
}

export interface EvaluationList {
  readonly evaluations: readonly EvaluationInfo[];
}

/** A proportion with its 95% interval. */
export interface ShownInterval {
  readonly successes: number;
  readonly n: number;
  readonly value: number | null;
  readonly low: number;
  readonly high: number;
}

export interface ShownBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly confidence: number | null;
  readonly accuracy: ShownInterval;
}

export interface ShownSlice {
  readonly key: string;
  readonly value: string;
  readonly accuracy: ShownInterval;
  readonly rest: ShownInterval;
}

export interface RiskPoint {
  readonly coverage: number;
  readonly confidence: number;
  readonly risk: number;
}

export interface EvaluationSummary {
  readonly isMultilabel: boolean;
  /** Samples that are right; of a multilabel model those with exactly the right labels. */
  readonly accuracy: ShownInterval;
  /** Samples without a confidence: the outputs were not finite. They are left out of what needs one. */
  readonly notFinite: number;
  readonly calibration: { readonly error: number | null; readonly bins: readonly ShownBin[] };
  readonly riskCoverage: {
    readonly aurc: number | null;
    readonly points: readonly RiskPoint[];
    /** How much can be answered at an error rate of `risk`; no `point` where not even the most confident samples can. */
    readonly at: readonly { readonly risk: number; readonly point?: RiskPoint }[];
  };
  readonly slices: readonly ShownSlice[];
}

export interface ConfusionReply {
  /** Names of the classes, by index. */
  readonly names: readonly string[];
  /** Cells that are not zero: true class, predicted class and count of each, one after the other. */
  readonly cells: readonly number[];
}

export interface ClassRow {
  readonly name: string;
  readonly support: number;
  /** Samples that are predicted as it. */
  readonly claimed: number;
  readonly correct: number;
  readonly precision: ShownInterval;
  readonly recall: ShownInterval;
  readonly f1: ShownInterval;
  /** Average precision, where the run has it. */
  readonly ap?: number;
}

export interface ClassesReply {
  readonly isMultilabel: boolean;
  readonly classes: readonly ClassRow[];
}

export interface ShownSample {
  /** Its place in the table of predictions. */
  readonly index: number;
  /** Its path, or its index in the split. */
  readonly sample: string;
  /** For people: several labels have commas between them. */
  readonly true: string;
  readonly predicted: string;
  readonly confidence: number | null;
  readonly isWrong: boolean;
  readonly loss?: number | null;
  readonly topK?: readonly (readonly [name: string, probability: number])[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly counts?: LabelCounts;
}

export interface SamplesReply {
  /** How many fit. */
  readonly total: number;
  readonly offset: number;
  readonly samples: readonly ShownSample[];
}

/** Which samples of an evaluation are asked for. */
export interface SampleQuery {
  readonly true?: string;
  readonly predicted?: string;
  readonly wrong?: boolean;
  /** A column of the metadata, and the name of a slice of it. */
  readonly key?: string;
  readonly value?: string;
  /** Of a bin of confidence: above `low`, up to `high`. */
  readonly low?: number;
  readonly high?: number;
  readonly order?: SampleOrder;
}

export const sampleOrders = ["confident", "uncertain", "loss", "table"] as const;
export type SampleOrder = (typeof sampleOrders)[number];

export interface EmbeddingsMap {
  readonly method: string;
  readonly points: DataAnalysis<"map">["points"];
}

/** Which samples of a comparison are asked for, by who is right. */
export const comparedSides = ["onlyA", "onlyB", "both", "neither"] as const;
export type ComparedSide = (typeof comparedSides)[number];

export interface ComparedSample {
  readonly a: ShownSample;
  readonly b: ShownSample;
}

/** Two evaluations on the samples that both have. */
export interface PairedReply {
  readonly n: number;
  /** How samples were found to be the same. */
  readonly pairedBy: "content" | "path";
  readonly isMultilabel: boolean;
  readonly accuracy: { readonly a: ShownInterval; readonly b: ShownInterval };
  readonly sides: Readonly<Record<ComparedSide, number>>;
  readonly pValue: number;
  readonly isSignificant: boolean;
  /** Those of the side that was asked for. */
  readonly samples: readonly ComparedSample[];
}

/** What can be done with the samples of a run: of the extension `samples`. */
export interface SampleAccess {
  /** The data folder; absent where its images may not be shown. */
  readonly root?: string;
  /** Why not, and what to do. */
  readonly problem?: string;
  readonly canMark: boolean;
  readonly canExplain: boolean;
}

/** What was marked of a sample. */
export type SampleMark = { readonly label: string } | { readonly isUnreadable: true };

export interface MarksReply {
  /** Marks by sample, as a list: a sample may be called `__proto__`. */
  readonly marks: readonly (readonly [sample: string, mark: SampleMark])[];
  /** Class names that a label can be chosen of. */
  readonly classes: readonly string[];
}
