/** One recorded case; the fields depend on the file. */
export interface Case {
  readonly id: string;
  readonly ok: boolean;
  readonly src?: string;
  /** The outcome of the stable versions, where it differs. */
  readonly release?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** One file of the corpus. */
export interface Corpus {
  readonly source?: string;
  readonly trees?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly cases: readonly Case[];
}

/** Runs the cases of one file and judges what comes out. */
export interface Handler {
  /** What this package makes of the input of a case. It should not throw: a failure is an outcome. */
  run(testCase: Case, corpus: Corpus): Promise<unknown> | unknown;
  /** What is wrong with the outcome; undefined when it is the expected one. */
  compare(expected: Case, actual: never): string | undefined;
  /** Whether cases may run side by side; otherwise one after the other. */
  readonly concurrency?: number;
}
