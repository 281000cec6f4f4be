export interface CaseResult {
  readonly name: string;
  /** What is wrong; absent when the case passes. */
  readonly failure?: string | undefined;
}

/** A file of recorded cases and what checks it. */
export interface Section {
  readonly file: string;
  run(recorded: unknown, folder: string): Promise<CaseResult[]> | CaseResult[];
}
