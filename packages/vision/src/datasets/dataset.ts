import { VisionError } from "../errors.ts";
import type { Image } from "../image/image.ts";
import { type ImageSource, openSource, type SourceSpec } from "./source.ts";

export interface LabelledImage {
  readonly image: Image;
  /** Class index. */
  readonly label: number;
}

/** What samplers, loaders and reports need of an image dataset. */
export interface ImageDatasetInit {
  /** What it is called in messages: a path or a split. */
  readonly name: string;
  readonly source: SourceSpec;
  /** Class index of each image. */
  readonly targets: Int32Array;
  readonly classToIdx: ReadonlyMap<string, number>;
  /** What each image is called in messages; the file's path where there is one. */
  readonly paths: readonly string[];
  /** Rows and files that were left out, by reason. */
  readonly skipped?: Readonly<Record<string, number>>;
}

/**
 * Labelled images that are decoded when asked for. What it holds is plain data, so that a worker thread opens the same
 * images from `source`.
 */
export class ImageDataset {
  readonly name: string;
  readonly source: SourceSpec;
  readonly targets: Int32Array;
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly paths: readonly string[];
  readonly skipped: Readonly<Record<string, number>>;
  #opened: Promise<ImageSource> | undefined;

  constructor({ name, source, targets, classToIdx, paths, skipped = {} }: ImageDatasetInit) {
    if (paths.length !== targets.length) {
      throw new VisionError({
        code: "vision/dataset",
        what: `${name}: ${paths.length} images and ${targets.length} labels`,
        fix: "give one label for each image",
      });
    }
    this.name = name;
    this.source = source;
    this.targets = targets;
    this.classToIdx = classToIdx;
    this.paths = paths;
    this.skipped = skipped;
  }

  /** Number of images. */
  get length(): number {
    return this.targets.length;
  }

  /** Class names by index. */
  get classes(): string[] {
    const names: string[] = [];
    for (const [name, index] of this.classToIdx) names[index] = name;
    return names;
  }

  /** Number of images of each class. */
  classCounts(): Int32Array {
    const counts = new Int32Array(this.classToIdx.size);
    for (const target of this.targets) counts[target]!++;
    return counts;
  }

  /** One decoded image with its label. @throws VisionError naming the file, if it is missing or broken. */
  async get(index: number): Promise<LabelledImage> {
    this.#opened ??= openSource(this.source);
    const source = await this.#opened;
    return { image: await source.read(index), label: this.targets[index] as number };
  }

  /** These images, and those of another dataset with the same classes behind them. */
  concat(other: ImageDataset): ImageDataset {
    const known = [...other.classToIdx].every(([name, index]) => this.classToIdx.get(name) === index);
    if (!known) {
      throw new VisionError({
        code: "vision/dataset",
        what: `${other.name} numbers its classes otherwise than ${this.name}`,
        fix: "open both with the same classToIdx",
      });
    }
    const parts = [this, other].map(({ source, length }) => ({ of: source, length }));
    return new ImageDataset({
      name: this.name,
      source: { kind: "concat", parts },
      targets: Int32Array.from([...this.targets, ...other.targets]),
      classToIdx: this.classToIdx,
      paths: [...this.paths, ...other.paths],
      skipped: this.skipped,
    });
  }

  /** The same images, turned upright from how each lies: EXIF's numbers, which may change later. */
  oriented(orientations: Uint8Array<SharedArrayBuffer>): ImageDataset {
    return this.#readAs({ kind: "oriented", of: this.source, orientations });
  }

  /** The same images without the bars of one colour along their edges. */
  trimmed(): ImageDataset {
    return this.#readAs({ kind: "trimmed", of: this.source });
  }

  /** The chosen images only, in the given order. */
  subset(indices: ArrayLike<number>): ImageDataset {
    const chosen = Array.from(indices);
    return new ImageDataset({
      name: this.name,
      source: { kind: "subset", of: this.source, indices: Int32Array.from(chosen) },
      targets: Int32Array.from(chosen, (index) => this.targets[index] as number),
      classToIdx: this.classToIdx,
      paths: chosen.map((index) => this.paths[index] as string),
    });
  }

  #readAs(source: SourceSpec): ImageDataset {
    const { name, targets, classToIdx, paths, skipped } = this;
    return new ImageDataset({ name, source, targets, classToIdx, paths, skipped });
  }
}
