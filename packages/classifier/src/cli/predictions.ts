import { CtError, plural } from "@classifier-training/base";
import type { Classifier, ClassProbability } from "@classifier-training/inference";
import { joinLabels } from "@classifier-training/runs";
import type { ListedImage } from "@classifier-training/vision/data";

/** What is said of an image. */
export interface Answer {
  readonly path: string;
  readonly group: string | undefined;
  readonly result: readonly ClassProbability[] | CtError;
  /** Whether it is refused. */
  readonly unreadable: boolean;
}

/** What is said of a group. */
export interface GroupAnswer {
  readonly group: string;
  /** For people: with the number of its images. */
  readonly name: string;
  /** Those that could be read. */
  readonly images: number;
  readonly result: readonly ClassProbability[];
  readonly unreadable: boolean;
}

/** The common answers of groups of images. An image that cannot be read has no part in them. */
export class GroupedAnswers {
  readonly #groups: readonly string[];
  readonly #counts = new Map<string, number>();
  readonly #rows = new Map<string, Float32Array[]>();
  readonly #classifier: Classifier;
  readonly #least: number;

  private constructor(groups: readonly string[], classifier: Classifier, least: number) {
    this.#groups = groups;
    this.#classifier = classifier;
    this.#least = least;
    for (const group of groups) this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
  }

  /**
   * @param by a column of the lists that name the images, or a pattern of paths
   * @param least the confidence below which a group is refused
   * @throws CtError when no image has such a group, or for a multilabel model
   */
  static async of(
    images: readonly ListedImage[],
    by: string,
    classifier: Classifier,
    least: number,
  ): Promise<GroupedAnswers> {
    classifier.requireVotes();
    const { groupsOf } = await import("@classifier-training/vision/data");
    const described = { paths: images.map(({ path }) => path), metadata: images.map(({ metadata }) => metadata) };
    const groups = groupsOf(described, by, { root: ".", where: "--group-by" });
    return new GroupedAnswers(
      groups.map((group, i) => group ?? (described.paths[i] as string)),
      classifier,
      least,
    );
  }

  /** What the groups are called in lines. */
  get names(): string[] {
    return [...this.#counts].map(([group, count]) => `${group} (${plural(count, "image")})`);
  }

  /** Notes the logits of an image. @returns its group */
  add(i: number, row: Float32Array | CtError): string {
    const group = this.#groups[i] as string;
    const rows = this.#rows.get(group) ?? [];
    this.#rows.set(group, rows);
    if (!CtError.is(row)) rows.push(row);
    return group;
  }

  answers(topK: number | undefined): GroupAnswer[] {
    return [...this.#rows]
      .filter(([, rows]) => rows.length > 0)
      .map(([group, rows]) => {
        const result = this.#classifier.classesOf(this.#classifier.vote(rows), topK);
        const name = `${group} (${plural(this.#counts.get(group) ?? 0, "image")})`;
        const unreadable = (result[0]?.probability ?? 1) < this.#least;
        return { group, name, images: rows.length, result, unreadable };
      });
  }
}

/** The columns of a table of predictions. */
export function predictionColumns(refuses: boolean, isGrouped: boolean): string[] {
  return [
    ...["path", "predicted", "confidence"],
    ...(refuses ? ["unreadable"] : []),
    ...(isGrouped ? ["group", "group_predicted", "group_confidence"] : []),
    "error",
  ];
}

/** A row of it. @param groups the answers by group; undefined without groups */
export function predictionRow(
  { path, group, result, unreadable }: Answer,
  refuses: boolean,
  groups: ReadonlyMap<string, GroupAnswer> | undefined,
): string[] {
  const classes = CtError.is(result) ? [] : result;
  const isSet = classes.some(({ threshold }) => threshold !== undefined);
  const predicted = isSet ? joinLabels(classes.map(({ label }) => label)) : (classes[0]?.label ?? "");
  const [voted] = groups?.get(group ?? "")?.result ?? [];
  const confidenceOf = (one: ClassProbability | undefined) => one?.probability.toFixed(6) ?? "";
  return [
    ...[path, predicted, confidenceOf(classes[0])],
    ...(refuses ? [String(unreadable)] : []),
    ...(groups === undefined ? [] : [group ?? "", voted?.label ?? "", confidenceOf(voted)]),
    CtError.is(result) ? result.problem.what : "",
  ];
}
