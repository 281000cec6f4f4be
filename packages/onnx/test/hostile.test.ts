import { nn, randn } from "@classifier-training/torch";
import fc from "fast-check";
import { expect, test } from "vitest";
import { exportOnnx, OnnxError, type OnnxGraph, readOnnxGraph, writeOnnxGraph } from "../src/index.ts";

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
