import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readModelFile } from "./read.ts";

/** A linear classifier of averaged colors, as TensorFlow's converter saves a graph model. */
function webModel(): string {
  const folder = join(mkdtempSync(join(tmpdir(), "web model ")), "a b ü");
  mkdirSync(folder);
  const dim = [-1, 8, 8, 3].map((size) => ({ size: String(size) }));
  const node = [
    { name: "image", op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim } } } },
    { name: "axes", op: "Const" },
    { name: "weight", op: "Const" },
    { name: "mean", op: "Mean", input: ["image", "axes"], attr: { keep_dims: { b: false } } },
    { name: "logits", op: "MatMul", input: ["mean", "weight"] },
  ];
  const weights = [
    { name: "axes", dtype: "int32", shape: [2] },
    { name: "weight", dtype: "float32", shape: [3, 2] },
  ];
  const bytes = Buffer.concat([
    Buffer.from(Int32Array.of(1, 2).buffer),
    Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer),
  ]);
  writeFileSync(join(folder, "group1-shard1of1.bin"), bytes);
  const weightsManifest = [{ paths: ["group1-shard1of1.bin"], weights }];
  writeFileSync(join(folder, "model.json"), JSON.stringify({ modelTopology: { node }, weightsManifest }));
  return folder;
}

test("a saved model of TensorFlow.js is read, given as its folder or as its model.json", async () => {
  const folder = webModel();
  for (const source of [folder, join(folder, "model.json")]) {
    const file = await readModelFile(source);
    if (file.kind !== "graph") throw new Error("expected a graph");
    expect(file.format).toBe("TensorFlow.js");
    expect(file.graph.nodes.map(({ op }) => op)).toEqual(["GlobalAveragePool", "Flatten", "Gemm"]);
    expect(file.graph.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["batch", 2] }]);
  }
});

test("JSON that is not a model is refused, saying what was expected", async () => {
  const folder = webModel();
  writeFileSync(join(folder, "model.json"), '{"labels": ["cat"]}');
  await expect(readModelFile(folder)).rejects.toThrow(
    /expected a model.json of TensorFlow.js, received JSON without modelTopology\n {2}where: .*model.json/,
  );
});
