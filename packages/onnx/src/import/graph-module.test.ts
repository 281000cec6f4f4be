import { Tensor as OrtTensor, openSession } from "@classifier-training/inference/runtime";
import { nn, noGrad, randn, type Tensor } from "@classifier-training/torch";
import { createModel } from "@classifier-training/vision";
import { expect, test } from "vitest";
import { exportOnnx } from "../export.ts";
import { GraphModule } from "./graph-module.ts";
import { readableOps } from "./operators/table.ts";
import { readOnnxGraph } from "./read.ts";
import { simplifyGraph } from "./simplify.ts";

async function runtimeOutput(bytes: Uint8Array, x: Tensor): Promise<Float32Array> {
  const session = await openSession(bytes, { threads: 1 });
  const data = x.toTypedArray() as Float32Array;
  const out = await session.run({ [session.inputNames[0] as string]: new OrtTensor("float32", data, [...x.shape]) });
  await session.release();
  return out[session.outputNames[0] as string]?.data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] as number))), 0);
}

test("a network that was exported and read has the file's outputs, the same parameters, gradients, and exports again", async () => {
  const model = createModel("resnet18", { numClasses: 5, width: 8 }).eval();
  const { bytes } = exportOnnx(model, randn([1, 3, 32, 32]));
  const read = new GraphModule(simplifyGraph(readOnnxGraph(bytes, "model.onnx")));
  expect([...read.stateDict().keys()].sort()).toEqual([...model.stateDict().keys()].sort());
  read.eval();
  const x = randn([3, 3, 32, 32]);
  const own = noGrad(() => read.call(x)).toTypedArray() as Float32Array;
  expect(largestDifference(own, await runtimeOutput(bytes, x))).toBeLessThan(1e-4);
  const again = exportOnnx(read, randn([1, 3, 32, 32])).bytes;
  expect(largestDifference(own, await runtimeOutput(again, x))).toBeLessThan(1e-4);

  const gradients = [model, read].map((module) => {
    module.train();
    (module as nn.Module).call(x).sum().backward();
    return new Map(
      [...module.namedParameters()].map(([name, { grad }]) => [name, grad?.toTypedArray() as Float32Array]),
    );
  });
  expect(gradients[0]?.size).toBe(62);
  for (const [name, gradient] of gradients[0] ?? []) {
    const scale = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    expect(largestDifference(gradient, gradients[1]?.get(name) as Float32Array) / scale, name).toBeLessThan(1e-3);
  }
});

test("operators that cannot be read are listed with their nodes", () => {
  const graph = readOnnxGraph(exportOnnx(new nn.ReLU(), randn([1, 2])).bytes, "model.onnx");
  const [relu] = graph.nodes;
  if (relu === undefined) throw new Error("no node");
  const odd = { ...graph, nodes: [{ ...relu, op: "Frobnicate", name: "odd one" }] };
  expect(() => new GraphModule(odd, "odd.onnx")).toThrow(/cannot be read: Frobnicate \(node 'odd one'\)/);
  expect(readableOps()).toContain("Relu");
});
