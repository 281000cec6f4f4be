import process from "node:process";
import { nn, noGrad, randn, scope } from "@classifier-training/torch";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  exportOnnx,
  GraphModule,
  type GraphNode,
  type GraphTensor,
  OnnxError,
  type OnnxGraph,
  readOnnxGraph,
  simplifyGraph,
  writeOnnxGraph,
} from "../src/index.ts";

const model = new nn.Sequential(
  new nn.Conv2d(3, 4, { kernelSize: 3, padding: 1 }),
  new nn.BatchNorm2d(4),
  new nn.LeakyReLU({ negativeSlope: 2 }),
  new nn.Flatten(),
  new nn.Linear(64, 5),
).eval();
const images = randn([2, 3, 4, 4]);
const bytes = exportOnnx(model, images, { metadata: { classes: "a,b" } }).bytes;

function changed(change: (graph: OnnxGraph) => Partial<OnnxGraph>): Uint8Array {
  const graph = readOnnxGraph(bytes, "model.onnx");
  return writeOnnxGraph({ ...graph, ...change(graph) });
}

test.each<[name: string, file: () => Uint8Array, message: RegExp]>([
  ["another format", () => new TextEncoder().encode("not a model"), /not an ONNX model, or is truncated/],
  ["a truncated file", () => bytes.subarray(0, bytes.length / 2), /not an ONNX model, or is truncated/],
  ["an empty file", () => new Uint8Array(), /no graph/],
  [
    "a cycle",
    () =>
      changed(({ nodes }) => ({
        nodes: nodes.map((node, i) => (i === 0 ? { ...node, inputs: [nodes[2]?.outputs[0] ?? ""] } : node)),
      })),
    /node '0\/Conv' \(Conv\) needs its own result: the graph has a cycle/,
  ],
  [
    "a missing initializer",
    () => changed(() => ({ initializers: new Map() })),
    /node '0\/Conv' \(Conv\) needs '0.weight', which nothing makes/,
  ],
  [
    "two nodes with one output",
    () => changed(({ nodes }) => ({ nodes: nodes.map((node) => ({ ...node, outputs: ["same"] })) })),
    /'same' is made twice/,
  ],
  [
    "sizes that are not there",
    () =>
      changed(({ initializers }) => ({
        initializers: new Map([...initializers].map(([name, tensor]) => [name, { ...tensor, shape: [2 ** 40] }])),
      })),
    /'0.weight' of shape \[1099511627776\] has 432 bytes of float32, expected 4398046511104/,
  ],
])("%s is refused", (_, file, message) => {
  expect(() => readOnnxGraph(file(), "model.onnx")).toThrow(message);
  expect(() => readOnnxGraph(file(), "model.onnx")).toThrow(OnnxError);
});

test("a file with changed bytes is read, or refused with an OnnxError", () => {
  const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const damaged = bytes.slice();
      for (const { at, byte } of changes) damaged[at] = byte;
      try {
        expect(readOnnxGraph(damaged, "model.onnx").nodes.length).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(OnnxError);
      }
    }),
    { numRuns: 2000 },
  );
});

const image = randn([1, 3, 4, 4]);

test("a file with changed bytes that is read is a network that runs, or is refused with an OnnxError", () => {
  const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
  let ran = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const damaged = bytes.slice();
      for (const { at, byte } of changes) damaged[at] = byte;
      try {
        const network = new GraphModule(simplifyGraph(readOnnxGraph(damaged, "model.onnx"))).eval();
        scope(() => noGrad(() => network.call(image)));
        ran++;
      } catch (error) {
        expect(error).toBeInstanceOf(OnnxError);
      }
    }),
    { numRuns: 300, seed: 7 },
  );
  expect(ran).toBeGreaterThan(0);
});

function int64(values: readonly number[]): GraphTensor {
  return { dtype: "int64", shape: [values.length], data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

/** A chain of nodes of constants: each reads the value before it, and the given others. */
function chain(
  steps: readonly (readonly [op: string, inputs: readonly string[], attributes?: GraphNode["attributes"]])[],
) {
  const nodes = steps.map(([op, inputs, attributes = {}], i): GraphNode => {
    return {
      op,
      name: `n${i}`,
      inputs: inputs.map((name) => (name === "@" ? `v${i - 1}` : name)),
      outputs: [`v${i}`],
      attributes,
    };
  });
  const last = `v${steps.length - 1}`;
  return changed(() => ({
    outputs: [{ name: last, dtype: "float32", shape: [] }],
    nodes: [...nodes.slice(0, -1), { ...(nodes.at(-1) as GraphNode) }],
    initializers: new Map<string, GraphTensor>([
      ["huge", int64([2 ** 20, 2 ** 20])],
      ["big", int64([2 ** 12, 2 ** 12])],
      ["zero", { ...int64([0]), shape: [] }],
      ["one", { ...int64([1]), shape: [] }],
      ["limit", { ...int64([2 ** 40]), shape: [] }],
      ["seed", int64([1, 2, 3, 4])],
    ]),
  }));
}

test.each<[name: string, file: () => Uint8Array]>([
  [
    "a constant of terabytes",
    () =>
      chain([
        ["ConstantOfShape", ["huge"]],
        ["Neg", ["@"]],
      ]),
  ],
  [
    "an expansion to terabytes",
    () =>
      chain([
        ["Expand", ["one", "huge"]],
        ["Neg", ["@"]],
      ]),
  ],
  [
    "a range without end",
    () =>
      chain([
        ["Range", ["zero", "limit", "one"]],
        ["Neg", ["@"]],
      ]),
  ],
  [
    "repetition to terabytes",
    () =>
      chain([
        ["ConstantOfShape", ["big"]],
        ["Tile", ["@", "huge"]],
        ["Neg", ["@"]],
      ]),
  ],
])("%s is refused before it is made", (_, file) => {
  const before = process.memoryUsage().rss;
  const read = () => new GraphModule(simplifyGraph(readOnnxGraph(file(), "huge.onnx")));
  const run = () => scope(() => noGrad(() => read().call(image)));
  expect(run).toThrow(OnnxError);
  expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20);
});

test("constants that double again and again are not computed ahead", () => {
  const doublings = Array.from({ length: 60 }, () => ["Concat", ["@", "@"], { axis: 0 }] as const);
  const file = chain([["Identity", ["seed"]], ...doublings, ["Neg", ["@"]]]);
  const simple = simplifyGraph(readOnnxGraph(file, "doubling.onnx"));
  const stored = [...simple.initializers.values()].reduce((sum, { data }) => sum + data.length, 0);
  expect(stored).toBeLessThan(2 ** 26);
  expect(simple.nodes.length).toBeGreaterThan(30);
});
