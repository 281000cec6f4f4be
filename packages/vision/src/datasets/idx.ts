import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { ImageDataset } from "./dataset.ts";
import { splitFolder } from "./split-folder.ts";

export const idxOptionsSchema = z.strictObject({
  /** Folder of the four IDX files, or one with `NAME/raw` below it as torchvision writes it. */
  root: z.string(),
  train: z.boolean().default(true),
  /** Class names in order; the digits by default. */
  classes: z.array(z.string()).optional(),
});

/** Zalando's ten classes of Fashion-MNIST. */
export const fashionMnistClasses = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

/** An array of an IDX file. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Parses an IDX file of bytes (http://yann.lecun.com/exdb/mnist), gzipped or not. @throws VisionError if it is broken. */
export function parseIdx(file: Uint8Array, name: string): IdxArray {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? gunzipSync(file) : file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const broken = (why: string) =>
    new VisionError({ code: "vision/idx", what: `${name} is not an IDX file of bytes: ${why}` });
  if (bytes.length < 8 || view.getUint16(0) !== 0) throw broken("the magic number is wrong");
  if (view.getUint8(2) !== 8) throw broken(`the type is 0x${view.getUint8(2).toString(16)}, only 0x08 is supported`);
  const rank = view.getUint8(3);
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw broken("the header is cut off");
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length !== start + size) throw broken(`${bytes.length - start} values instead of ${size}`);
  return { shape, data: bytes.subarray(start) };
}

/**
 * MNIST, Fashion-MNIST and others in IDX files: `train-images-idx3-ubyte[.gz]` and its three siblings, as Debian's
 * `dataset-fashion-mnist` installs them. Gray images come as RGB with three equal channels.
 */
export class IdxDataset extends ImageDataset {
  constructor(options: z.input<typeof idxOptionsSchema>) {
    const { root, train, classes } = parseOptions("IdxDataset", idxOptionsSchema, options);
    const stem = train ? "train" : "t10k";
    const imagesFile = findIdx(root, `${stem}-images-idx3-ubyte`);
    const labelsFile = findIdx(root, `${stem}-labels-idx1-ubyte`);
    const images = parseIdx(readFileSync(imagesFile), imagesFile);
    const labels = parseIdx(readFileSync(labelsFile), labelsFile);
    const [count = 0, height = 0, width = 0] = images.shape;
    if (images.shape.length !== 3 || labels.shape.length !== 1 || labels.shape[0] !== count) {
      throw new VisionError({
        code: "vision/idx",
        what: `images [${images.shape.join(", ")}] and labels [${labels.shape.join(", ")}] do not belong together`,
        where: `${imagesFile}, ${labelsFile}`,
      });
    }
    const highest = labels.data.reduce((most, label) => Math.max(most, label), 0);
    const names = classes ?? Array.from({ length: highest + 1 }, (_, i) => String(i));
    if (highest >= names.length) {
      throw new VisionError({
        code: "vision/idx",
        what: `${labelsFile}: expected labels below ${names.length}, the number of classes, received ${highest}`,
      });
    }
    const data = new Uint8Array(new SharedArrayBuffer(images.data.length));
    data.set(images.data);
    super({
      name: train ? "train" : "test",
      source: { kind: "pixels", data, width, height, channels: 1 },
      targets: Int32Array.from(labels.data),
      classToIdx: new Map(names.map((name, index) => [name, index])),
      paths: Array.from({ length: count }, (_, i) => `${imagesFile}#${i}`),
    });
  }
}

function findIdx(root: string, stem: string): string {
  splitFolder(root, undefined);
  const folders = ["", "raw", "MNIST/raw", "FashionMNIST/raw"];
  for (const folder of folders) {
    for (const name of [stem, `${stem}.gz`, stem.replace("-idx", ".idx")]) {
      const path = join(root, folder, name);
      if (existsSync(path)) return path;
    }
  }
  throw new VisionError({
    code: "vision/split-missing",
    what: `${root} has no ${stem} or ${stem}.gz`,
    fix: "on Debian: apt install dataset-fashion-mnist, then use /usr/share/dataset-fashion-mnist as root",
  });
}
