import { type Tensor, tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { packTree, unpackTree } from "./tree.ts";

test("tensors whose paths read the same are both kept", () => {
  const tree = { a: { "b.c": tensor([1]) }, "a.b": { c: tensor([2]) } };
  const { tensors, json } = packTree(tree, "stateDict");
  expect(tensors.size).toBe(2);
  const again = unpackTree(json, (name) => tensors.get(name)) as Record<string, Record<string, Tensor>>;
  expect(again["a"]?.["b.c"]?.item()).toBe(1);
  expect(again["a.b"]?.["c"]?.item()).toBe(2);
});
