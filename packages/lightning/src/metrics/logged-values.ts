import type { Tensor } from "@classifier-training/torch";

export type ReduceFx = "mean" | "sum" | "min" | "max";

/** A stateful metric that is logged as an object: its value is read at the step and at the end of the epoch. */
export interface LoggableMetric {
  compute(): number | Tensor;
  reset(): void;
  /** The value of the latest batch alone, for `onStep`. */
  batchValue?(): number | Tensor;
}

/** How a value was asked to be logged; the same name must be logged the same way each time. */
export interface LogRecipe {
  readonly hook: string;
  readonly name: string;
  readonly progBar: boolean;
  readonly logger: boolean;
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly reduceFx: ReduceFx;
  readonly syncDist: boolean;
  readonly addDataloaderIdx: boolean;
  readonly dataloaderIdx: number | undefined;
}

export type MetricValues = Record<string, number>;

/** The same values as three audiences see them. */
export interface MetricViews {
  readonly callback: MetricValues;
  readonly logged: MetricValues;
  readonly progressBar: MetricValues;
}

/** Without a prototype: a metric may be called `__proto__`. */
export function noValues(): MetricValues {
  return Object.create(null) as MetricValues;
}

export function emptyViews(): MetricViews {
  return { callback: noValues(), logged: noValues(), progressBar: noValues() };
}

export interface AccumulatorState {
  readonly recipe: LogRecipe;
  readonly step: number;
  readonly value: number;
  readonly weight: number;
  readonly computed: number | null;
  readonly idle: boolean;
  /** Which metric object of the module it was. */
  readonly metric: string | null;
}

/** What a checkpoint in mid-epoch keeps of the values logged so far. */
export type ResultState = readonly (readonly [string, AccumulatorState])[];
