/** The splits of a dataset, by the names that metrics have (`val/acc_top1`). */
export const splits = ["train", "val", "test"] as const;

export type Split = (typeof splits)[number];

/** A split that models are measured on. */
export type EvaluationSplit = Exclude<Split, "train">;

/** Names of a split's folder in a dataset, the preferred one first. */
export const splitFolderNames: Readonly<Record<Split, readonly [string, ...string[]]>> = {
  train: ["train"],
  val: ["valid", "val", "validation", "dev"],
  test: ["test"],
};

/** The split that a name stands for: the split's own, or one that its folder may have, in any capitalization. */
export function splitOf(name: string): Split | undefined {
  const known = name.toLowerCase();
  return splits.find((split) => split === known || splitFolderNames[split].includes(known));
}
