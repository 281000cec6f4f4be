import { CtError, comparePython, plural } from "@classifier-training/base";
import { fittedProbabilities, stratifiedFolds } from "./out-of-fold.ts";

/** What a network that was not trained on an image says of it. */
export interface Opinion {
  /** Index of the network. */
  readonly network: number;
  /** Before its head. */
  readonly features: Float32Array;
  readonly logits: Float32Array;
}

export interface HeldOutImage {
  readonly sample: string;
  readonly label: string;
  /** One or more. */
  readonly opinions: readonly Opinion[];
}

export interface JudgingNetwork {
  /** Of its logits; undefined where it was trained for other classes. */
  readonly classNames: readonly string[] | undefined;
  /** How many of the data's images it was trained on. */
  readonly trainedOn: number;
}

/** Images as networks know them that have not seen them. */
export interface HeldOutImages {
  readonly images: readonly HeldOutImage[];
  readonly networks: readonly JudgingNetwork[];
}

/** A network's features of the images that it has not seen, with their labels. */
export interface FeatureGroup {
  /** Indices of the images. */
  readonly indices: readonly number[];
  readonly features: readonly Float32Array[];
  readonly labels: readonly number[];
  readonly numClasses: number;
}

/**
 * Classes of the images and the networks, and the index of each image's class.
 * @throws CtError for images of fewer than two classes
 */
export function indexedLabels({ images, networks }: HeldOutImages): { names: string[]; labels: number[] } {
  const own = new Set(images.map(({ label }) => label));
  if (own.size < 2) {
    throw new CtError({
      code: "suspects/classes",
      what: `expected images of at least two classes, received ${plural(images.length, "image")} of ${plural(own.size, "class", "classes")}`,
      fix: "give data with labeled images of two classes or more",
    });
  }
  const names = [...new Set([...own, ...networks.flatMap(({ classNames }) => classNames ?? [])])].sort(comparePython);
  const indices = new Map(names.map((name, k) => [name, k]));
  return { names, labels: images.map(({ label }) => indices.get(label) as number) };
}

/** Features of different networks cannot be compared: a group for each. */
export function featureGroups(data: HeldOutImages): FeatureGroup[] {
  const { names, labels } = indexedLabels(data);
  return data.networks.map((_, k) => {
    const own = data.images.flatMap(({ opinions }, i) => {
      const opinion = opinions.find(({ network }) => network === k);
      return opinion === undefined ? [] : [{ i, features: opinion.features }];
    });
    return {
      indices: own.map(({ i }) => i),
      features: own.map(({ features }) => features),
      labels: own.map(({ i }) => labels[i] as number),
      numClasses: names.length,
    };
  });
}

/** Parts of a group by cross-validation. */
const folds = 10;

/**
 * Probabilities of the classes of each image: the mean of what each network says that has not seen it, and of a logistic
 * regression on that network's features of images that it has not seen either, fitted without the image (cross-validation).
 * Of six trials with planted label errors, both together found more than either alone in four. Of few images, a regression
 * knows too little: the networks alone are asked where they fit the labels better (cross entropy).
 * @returns K probabilities an image, in the order of the names
 */
export function pooledProbabilities(data: HeldOutImages): Float32Array[] {
  const { names, labels } = indexedLabels(data);
  const [networks, both] = [new Mean(labels.length, names.length), new Mean(labels.length, names.length)];
  for (const [k, group] of featureGroups(data).entries()) {
    const fold = stratifiedFolds(group.labels, folds);
    const rows = [...group.indices.keys()];
    for (let part = 0; part < folds; part++) {
      const held = rows.filter((j) => fold[j] === part);
      const train = rows.filter((j) => fold[j] !== part);
      if (new Set(train.map((j) => group.labels[j])).size < 2) continue;
      for (const [j, row] of fittedProbabilities(group, train, held).entries())
        both.add(group.indices[held[j] as number] as number, row);
    }
    const columns = data.networks[k]?.classNames?.map((name) => names.indexOf(name));
    if (columns === undefined) continue;
    for (const i of group.indices) {
      const { logits } = (data.images[i] as HeldOutImage).opinions.find(({ network }) => network === k) as Opinion;
      const row = new Float32Array(names.length);
      for (const [c, p] of softmax(logits).entries()) row[columns[c] as number] = p;
      networks.add(i, row);
      both.add(i, row);
    }
  }
  // Networks with classes of their own have said nothing of them.
  const all = [both, networks].filter(({ isWhole }) => isWhole).map(({ rows }) => rows);
  return all.sort((a, b) => crossEntropy(a, labels) - crossEntropy(b, labels))[0] ?? both.rows;
}

/** The mean of several probabilities of the same images. */
class Mean {
  readonly #sums: Float32Array[];
  readonly #counts: Uint32Array;

  constructor(images: number, classes: number) {
    this.#sums = Array.from({ length: images }, () => new Float32Array(classes));
    this.#counts = new Uint32Array(images);
  }

  add(i: number, probabilities: Float32Array): void {
    const sum = this.#sums[i] as Float32Array;
    for (const [k, p] of probabilities.entries()) sum[k]! += p;
    this.#counts[i]!++;
  }

  /** Whether something was said of each image. */
  get isWhole(): boolean {
    return this.#counts.every((count) => count > 0);
  }

  get rows(): Float32Array[] {
    return this.#sums.map((sum, i) => sum.map((value) => value / Math.max(1, this.#counts[i] as number)));
  }
}

/** Of the labels, on average. */
function crossEntropy(rows: readonly Float32Array[], labels: readonly number[]): number {
  const sum = labels.reduce((total, label, i) => total - Math.log(Math.max(1e-4, rows[i]?.[label] ?? 0)), 0);
  return sum / labels.length;
}

/** @returns K probabilities */
export function softmax(logits: Float32Array): Float32Array {
  const largest = Math.max(...logits);
  const exponentials = logits.map((value) => Math.exp(value - largest));
  const total = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / total);
}
