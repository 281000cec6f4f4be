import { openSession } from "@classifier-training/inference/runtime";
import { nn, randn } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { exportOnnx } from "../export.ts";
import { readOnnxGraph } from "./read.ts";
import { writeOnnxGraph } from "./write.ts";

function exported(): Uint8Array {
  const model = new nn.Sequential(
    new nn.Conv2d(3, 4, { kernelSize: 3, padding: 1 }),
    new nn.BatchNorm2d(4),
    new nn.ELU({ alpha: 0.5 }),
    new nn.Flatten(),
    new nn.Linear(4 * 8 * 8, 2),
  );
  return exportOnnx(model, randn([1, 3, 8, 8]), { metadata: { classes: "a,b" } }).bytes;
}

test("a graph that is read, written and read again is the same, and runs in ONNX Runtime", async () => {
  const graph = readOnnxGraph(exported(), "model.onnx");
  expect(graph.inputs).toEqual([{ name: "input", dtype: "float32", shape: ["batch", 3, 8, 8] }]);
  expect(graph.outputs).toEqual([{ name: "output", dtype: "float32", shape: ["batch", 2] }]);
  expect(graph).toMatchObject({ opset: 17, metadata: { classes: "a,b" }, producer: "classifier-training" });
  expect(graph.initializers.get("0.weight")).toMatchObject({ dtype: "float32", shape: [4, 3, 3, 3] });
  const bytes = writeOnnxGraph(graph);
  expect(readOnnxGraph(bytes, "again")).toEqual(graph);
  const session = await openSession(bytes);
  expect(session.outputNames).toEqual(["output"]);
  await session.release();
});

test("nodes are put in the order of the data, and a cycle, a missing and a doubled value are named", () => {
  const graph = readOnnxGraph(exported(), "model.onnx");
  const shuffled = writeOnnxGraph({ ...graph, nodes: [...graph.nodes].reverse() });
  expect(readOnnxGraph(shuffled, "x").nodes.map(({ name }) => name)).toEqual(graph.nodes.map(({ name }) => name));
  const [first, ...others] = graph.nodes;
  const read = (nodes: readonly unknown[]) => () =>
    readOnnxGraph(writeOnnxGraph({ ...graph, nodes: nodes as typeof graph.nodes }), "x.onnx");
  if (first === undefined) throw new Error("no node");
  expect(read(others)).toThrow(/needs '.*', which nothing makes/);
  expect(read([first, ...graph.nodes])).toThrow(/is made twice/);
  const last = graph.nodes.at(-1);
  expect(read([{ ...first, inputs: [last?.outputs[0], ...first.inputs.slice(1)] }, ...others])).toThrow(/has a cycle/);
  expect(() => readOnnxGraph(exported().subarray(0, 500), "cut.onnx")).toThrow(/not an ONNX model, or is truncated/);
});
