import { readdirSync } from "node:fs";
import { fashionMnistClasses, IdxDataset } from "../idx.ts";
import type { Part, Recognized } from "./splits.ts";

const imagesName = /^(train|t10k)-images[.-]idx3-ubyte(\.gz)?$/;

/** The splits of a folder of MNIST's files; undefined for other folders. */
export function recognizeIdx(path: string): Recognized | undefined {
  const names = readdirSync(path).flatMap((name) => imagesName.exec(name)?.[1] ?? []);
  if (names.length === 0) return undefined;
  const classes = /fashion/i.test(path) ? fashionMnistClasses : undefined;
  const parts = [...new Set(names)].map((name): Part => {
    const train = name === "train";
    const split = train ? "train" : "test";
    return { name: split, split, open: async () => new IdxDataset({ root: path, train, classes }) };
  });
  return { kind: "IDX files", parts, remarks: [] };
}
