import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { expect, test } from "vitest";
import { readTfjs } from "../src/index.ts";
import { maxDifference, pattern, runGraph, toNhwc } from "./runtimes.ts";

type Attributes = Record<string, unknown>;

const text = (value: string) => Buffer.from(value).toString("base64");
const ints = (...values: number[]) => ({ list: { i: values.map(String) } });
const texts = (...values: string[]) => ({ list: { s: values.map(text) } });
const window = (stride: number, padding: string): Attributes => ({
  strides: ints(1, stride, stride, 1),
  dilations: ints(1, 1, 1, 1),
  padding: { s: text(padding) },
  data_format: { s: text("NHWC") },
  T: { type: "DT_FLOAT" },
});

/** A GraphDef as TensorFlow's converter writes it: constants are nodes whose contents are in the weights. */
class Graph {
  readonly nodes: unknown[] = [];
  readonly specs: { name: string; dtype: "float32" | "int32"; shape: number[] }[] = [];
  readonly data: (Float32Array | Int32Array)[] = [];

  node(name: string, op: string, input: readonly string[], attr: Attributes = {}): string {
    this.nodes.push({ name, op, input, attr });
    return name;
  }

  weight(name: string, ...shape: number[]): string {
    const count = shape.reduce((product, size) => product * size, 1);
    return this.#constant(
      name,
      shape,
      pattern(count).map((value, i) => 0.3 * value + 0.02 * Math.cos(i)),
      "DT_FLOAT",
    );
  }

  positive(name: string, count: number): string {
    return this.#constant(
      name,
      [count],
      pattern(count).map((value) => 1.5 + value),
      "DT_FLOAT",
    );
  }

  integers(name: string, shape: number[], values: number[]): string {
    return this.#constant(name, shape, Int32Array.from(values), "DT_INT32");
  }

  #constant(name: string, shape: number[], data: Float32Array | Int32Array, type: string): string {
    this.specs.push({ name, dtype: type === "DT_FLOAT" ? "float32" : "int32", shape });
    this.data.push(data);
    return this.node(name, "Const", [], { dtype: { type } });
  }
}

function network(): Graph {
  const g = new Graph();
  const dim = [-1, 19, 16, 3].map((size) => ({ size: String(size) }));
  g.node("image", "Placeholder", [], { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim } } });
  const fused = { fused_ops: texts("BiasAdd", "Relu6"), num_args: { i: "1" } };
  g.node("stem", "_FusedConv2D", ["image", g.weight("stem/w", 3, 3, 3, 8), g.weight("stem/b", 8)], {
    ...window(2, "SAME"),
    ...fused,
  });
  const paddings = g.integers("paddings", [4, 2], [0, 0, 0, 1, 1, 0, 0, 0]);
  g.node("padded", "Pad", ["stem", paddings]);
  g.node("depthwise", "FusedDepthwiseConv2dNative", ["padded", g.weight("dw/w", 3, 3, 8, 2), g.weight("dw/b", 16)], {
    ...window(2, "VALID"),
    fused_ops: texts("BiasAdd"),
    num_args: { i: "1" },
  });
  const moments = [
    g.weight("bn/scale", 16),
    g.weight("bn/offset", 16),
    g.weight("bn/mean", 16),
    g.positive("bn/var", 16),
  ];
  g.node("bn", "FusedBatchNormV3", ["depthwise", ...moments], { epsilon: { f: 0.001 }, is_training: { b: false } });
  g.node("relu", "LeakyRelu", ["bn"], { alpha: { f: 0.1 } });
  g.node("conv", "Conv2D", ["relu", g.weight("conv/w", 1, 1, 16, 16)], window(1, "SAME"));
  g.node("biased", "BiasAdd", ["conv", g.weight("conv/b", 16)]);
  g.node("sum", "AddV2", ["relu", "biased"]);
  g.node("scaled", "Mul", ["sum", g.weight("scale", 1, 1, 1, 16)]);
  g.node("pooled", "MaxPool", ["scaled"], { ...window(1, "SAME"), ksize: ints(1, 3, 3, 1) });
  g.node("joined", "ConcatV2", ["pooled", "sum", g.integers("axis", [], [3])], { N: { i: "2" } });
  const sizes = g.integers("sizes", [3], [20, 4, 8]);
  g.node("parts", "SplitV", ["joined", sizes, g.integers("split/axis", [], [-1])], { num_split: { i: "3" } });
  g.node("mean", "Mean", ["parts", g.integers("spatial", [2], [1, 2])], { keep_dims: { b: false } });
  g.node("tail", "Mean", ["parts:2", "spatial"], { keep_dims: { b: false } });
  // The batch size, from the shape of a tensor: flatten as Keras writes it.
  g.node("shape", "Shape", ["parts:1"], { out_type: { type: "DT_INT32" } });
  const [zero, one] = [g.integers("zero", [1], [0]), g.integers("one", [1], [1])];
  g.node("batch", "StridedSlice", ["shape", zero, one, one], { shrink_axis_mask: { i: "1" } });
  g.node("target", "Pack", ["batch", g.integers("rest", [], [5 * 4 * 4])], { N: { i: "2" }, axis: { i: "0" } });
  g.node("flat", "Reshape", ["parts:1", "target"]);
  g.node("features", "ConcatV2", ["mean", "flat", "tail", g.integers("last", [], [-1])], { N: { i: "3" } });
  g.node("logits", "_FusedMatMul", ["features", g.weight("dense/w", 108, 5), g.weight("dense/b", 5)], {
    transpose_a: { b: false },
    transpose_b: { b: false },
    fused_ops: texts("BiasAdd"),
    num_args: { i: "1" },
  });
  g.node("probabilities", "Softmax", ["logits"]);
  return g;
}

function artifacts(g: Graph) {
  return {
    format: "graph-model",
    modelTopology: { node: g.nodes, versions: { producer: 987 } },
    signature: { inputs: { image: { name: "image:0" } }, outputs: { logits: { name: "logits:0" } } },
  };
}

function saved(g: Graph, weights: unknown[], bytes: Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), "a b ü "));
  writeFileSync(join(folder, "weights.bin"), bytes);
  const manifest = [{ paths: ["weights.bin"], weights }];
  writeFileSync(join(folder, "model.json"), JSON.stringify({ ...artifacts(g), weightsManifest: manifest }));
  return join(folder, "model.json");
}

test("a graph model computes what TensorFlow.js computes, for a batch of two", async () => {
  const g = network();
  const bytes = Buffer.concat(g.data.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
  const weightData = new Uint8Array(bytes).buffer;
  const reference = await loadGraphModel({ load: async () => ({ ...artifacts(g), weightSpecs: g.specs, weightData }) });
  const { graph } = readTfjs(saved(g, g.specs, bytes));
  const shape = [2, 3, 19, 16] as const;
  const input = pattern(2 * 3 * 19 * 16);
  const theirs = reference.predict(tf.tensor4d(toNhwc(input, shape), [2, 19, 16, 3])) as tf.Tensor;
  const [mine] = await runGraph(graph, shape, input);
  expect(mine?.shape).toEqual([2, 5]);
  expect(maxDifference(mine?.data ?? new Float32Array(), theirs.dataSync())).toBeLessThan(1e-4);
  expect(new Set(Array.from(theirs.dataSync(), (value) => value.toFixed(3))).size).toBe(10);
});

test("weights stored as uint8, uint16 and float16 are the numbers that they stand for", async () => {
  const scale = 0.01;
  const values = [-0.5, 0.25, 1.0, 2.0];
  const codes = values.map((value) => Math.round((value + 0.5) / scale));
  const stored = {
    uint8: Buffer.from(codes),
    uint16: Buffer.from(Uint16Array.from(codes).buffer),
    float16: Buffer.from(Uint16Array.of(0xb800, 0x3400, 0x3c00, 0x4000).buffer),
  };
  for (const [dtype, bytes] of Object.entries(stored)) {
    const g = new Graph();
    const dim = [-1, 1, 1, 4].map((size) => ({ size: String(size) }));
    g.node("image", "Placeholder", [], { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim } } });
    g.node("w", "Const", [], { dtype: { type: "DT_FLOAT" } });
    g.node("logits", "AddV2", ["image", "w"]);
    const quantization = { dtype, scale, min: -0.5, original_dtype: "float32" };
    const { graph } = readTfjs(saved(g, [{ name: "w", dtype: "float32", shape: [4], quantization }], bytes));
    const [sum] = await runGraph(graph, [1, 4, 1, 1], new Float32Array(4));
    expect(Array.from(sum?.data ?? [], (value) => Math.round(value * 1000) / 1000)).toEqual(values);
  }
});

test("control flow, a cycle, a missing node and an unknown operator are refused by name", () => {
  const read = (change: (g: Graph) => void) => () => {
    const g = new Graph();
    const dim = [-1, 4, 4, 3].map((size) => ({ size: String(size) }));
    g.node("image", "Placeholder", [], { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim } } });
    change(g);
    return readTfjs(saved(g, [], Buffer.alloc(0)));
  };
  expect(read((g) => g.node("logits", "StatelessWhile", ["image"]))).toThrow(
    /control flow is not supported: StatelessWhile 'logits'/,
  );
  expect(read((g) => [g.node("logits", "Relu", ["b"]), g.node("b", "Relu", ["logits"])])).toThrow(
    /has a cycle at 'logits'/,
  );
  expect(read((g) => g.node("logits", "Relu", ["nothing"]))).toThrow(/has no node 'nothing'/);
  expect(read((g) => g.node("logits", "NonMaxSuppressionV3", ["image"]))).toThrow(
    /unsupported operator NonMaxSuppressionV3\n {2}where: .*model.json, NonMaxSuppressionV3 'logits'\n {2}fix: /,
  );
  expect(read((g) => g.node("logits", "constructor", ["image"]))).toThrow(/unsupported operator constructor/);
});
