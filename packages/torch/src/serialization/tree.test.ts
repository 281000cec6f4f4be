import fc from "fast-check";
import { expect, test } from "vitest";
import { nn, ones, optim, serialization, type Tensor, zeros } from "../index.ts";

const { packTree, unpackTree, serializeSafetensors, deserializeSafetensors } = serialization;

test("plain values of every kind come back as they were", () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt(),
    fc.uint8Array(),
    fc.float32Array({ noNaN: true }),
  );
  const { tree } = fc.letrec((again) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      leaf,
      fc.array(again("tree"), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("$map", "$tensor", "$", "__proto__")), again("tree")),
      fc.array(fc.tuple(leaf, again("tree")), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.uniqueArray(fc.integer()).map((values) => new Set(values)),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      expect(unpackTree(packTree(value))).toEqual(value);
    }),
  );
});

test("a model and its optimizer go through one file", () => {
  const model = new nn.Linear(2, 1);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.5 });
  model
    .call(ones([1, 2]))
    .sum()
    .backward();
  optimizer.step();
  const packed = packTree(
    { stateDict: model.stateDict(), optimizer: optimizer.stateDict(), epoch: 3 },
    { weightsKey: "stateDict" },
  );
  expect([...packed.tensors.keys()].slice(0, 3)).toEqual(["weight", "bias", "@optimizer.state.0.expAvg"]);
  const file = deserializeSafetensors(serializeSafetensors(packed.tensors, { tree: packed.json }));
  const tree = unpackTree({ tensors: file.tensors, json: file.metadata["tree"] as string }) as {
    stateDict: Map<string, Tensor>;
    optimizer: unknown;
    epoch: number;
  };
  const other = new nn.Linear(2, 1);
  other.loadStateDict(tree.stateDict);
  new optim.AdamW(other.parameters()).loadStateDict(tree.optimizer);
  expect(other.weight.equal(model.weight)).toBe(true);
  expect(tree.epoch).toBe(3);
});

test("a tensor that is there twice is stored once and shared again", () => {
  const tensor = zeros([2]);
  const packed = packTree({ a: tensor, b: [tensor], "x.y": { z: ones([1]) }, x: { "y.z": ones([1]) } });
  expect([...packed.tensors.keys()]).toEqual(["@a", "@x.y.z", "@x.y.z#2"]);
  const { a, b } = unpackTree(packed) as { a: Tensor; b: Tensor[] };
  expect(b[0]).toBe(a);
});

test("what cannot be saved is refused by its path", () => {
  const loop: unknown[] = [];
  loop.push({ loop });
  expect(() => packTree({ a: { f: () => 1 } })).toThrow("a function cannot be saved");
  expect(() => packTree({ a: [new Date()] })).toThrow(/an instance of Date cannot be saved[\s\S]*where: a\.0/);
  expect(() => packTree(loop)).toThrow("an object that contains itself cannot be saved");
  expect(() => unpackTree({ tensors: new Map(), json: '{"$tensor":"w"}' })).toThrow("it lacks the tensor 'w'");
  expect(() => unpackTree({ tensors: new Map(), json: '{"$new":1}' })).toThrow("'$new' is unknown");
});

test.each([
  ["no JSON", "{"],
  ["an invalid bigint", '{"$bigint":"x"}'],
  ["an invalid map", '{"$map":7}'],
  ["an unknown typed array", '{"$bytes":"","kind":"constructor"}'],
  ["more nesting than the stack holds", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
])("%s is refused", (_what, json) => {
  expect(() => unpackTree({ tensors: new Map(), json })).toThrow(serialization.SerializationError);
});
