import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CtError, Rng } from "@classifier-training/base";
import { Builder } from "flatbuffers";
import { expect, test, vi } from "vitest";
import { readTflite } from "../src/index.ts";

vi.setConfig({ testTimeout: 120_000 });

const published = join(import.meta.dirname, "../../../../shared/weights/coral/mobilenet_v1_0.25_128_quant.tflite");

/** A table with the given fields, as flatbuffers lay them out. */
function table(b: Builder, fields: readonly (((field: number) => void) | undefined)[]): number {
  b.startObject(fields.length);
  for (const [i, add] of fields.entries()) add?.(i);
  return b.endObject();
}

function vector(b: Builder, offsets: readonly number[]): number {
  b.startVector(4, offsets.length, 4);
  for (const offset of [...offsets].reverse()) b.addOffset(offset);
  return b.endVector();
}

function ints(b: Builder, values: readonly number[]): number {
  b.startVector(4, values.length, 4);
  for (const value of [...values].reverse()) b.addInt32(value);
  return b.endVector();
}

/** A network of one operator on an image of 4x4 pixels, with a constant of two numbers. */
function model({ code = 0, custom = "", shape = [1, 4, 4, 3], constant = [3], copies = 1 } = {}): Uint8Array {
  const b = new Builder(1024);
  const at = (offset: number) => (field: number) => b.addFieldOffset(field, offset, 0);
  const floats = b.createByteVector(new Uint8Array(Float32Array.of(1, 2, 3).buffer));
  const buffers = vector(b, [table(b, []), table(b, [at(floats)])]);
  const tensor = (name: string, dims: readonly number[], buffer: number) => {
    const [text, sizes] = [b.createString(name), ints(b, dims)];
    return table(b, [at(sizes), undefined, (field) => b.addFieldInt32(field, buffer, 0), at(text)]);
  };
  const tensors = vector(b, [tensor("image", shape, 0), tensor("bias", constant, 1), tensor("sum", shape, 0)]);
  const inputs = ints(b, new Array<number>(copies).fill(0).concat(1));
  const outputs = ints(b, [2]);
  const operator = table(b, [(field) => b.addFieldInt32(field, 0, -1), at(inputs), at(outputs)]);
  const [graphInputs, graphOutputs] = [ints(b, [0]), ints(b, [2])];
  const operators = vector(b, [operator]);
  const graph = table(b, [at(tensors), at(graphInputs), at(graphOutputs), at(operators)]);
  const name = b.createString(custom);
  const opcode = table(b, [
    (field) => b.addFieldInt8(field, Math.min(code, 127), 0),
    at(name),
    undefined,
    (field) => b.addFieldInt32(field, code, 0),
  ]);
  const [codes, graphs] = [vector(b, [opcode]), vector(b, [graph])];
  b.finish(table(b, [(field) => b.addFieldInt32(field, 3, 0), at(codes), at(graphs), undefined, at(buffers)]), "TFL3");
  return b.asUint8Array();
}

test("a file that is whole is read, and what is wrong with others is said", () => {
  const read = (options: Parameters<typeof model>[0]) => () => readTflite(model(options), "x.tflite");
  expect(read({})().graph.nodes.map(({ op }) => op)).toEqual(["Add"]);
  expect(read({ code: 119 })).toThrow(
    /unsupported operator WHILE\n {2}where: x.tflite, WHILE 'sum'\n {2}fix: export the model without control flow/,
  );
  expect(read({ code: 32, custom: "edgetpu-custom-op" })).toThrow(
    /fix: use the file from before the Edge TPU compiler/,
  );
  expect(read({ constant: [2 ** 30, 2 ** 30] })).toThrow(
    /'bias': expected \d+ bytes of float32 \[1073741824, 1073741824\], received 12/,
  );
  expect(read({ constant: [-3] })).toThrow(/'bias': expected/);
  expect(read({ shape: [1, 4, 4, 5] })).toThrow(/cannot combine the shapes \[N, 4, 4, 5\] and \[3\]/);
  expect(() => readTflite(Buffer.from("not a model at all"), "x.tflite")).toThrow(
    /expected a FlatBuffer with the identifier 'TFL3'/,
  );
});

test("every truncation ends in an error that names the file", () => {
  const whole = model();
  for (let length = 0; length < whole.length; length += 3) {
    expect(() => readTflite(whole.subarray(0, length), "cut.tflite")).toThrow(/where: cut.tflite/);
  }
});

test("changed bytes end in an error of this project, or in a graph", () => {
  const seeds = existsSync(published) ? [model(), new Uint8Array(readFileSync(published))] : [model()];
  const rng = Rng.at(7, "changed bytes");
  const counts = { read: 0, refused: 0 };
  for (const seed of seeds) {
    const rounds = seed.length < 2000 ? 2000 : 12;
    for (let round = 0; round < rounds; round++) {
      const bytes = seed.slice();
      for (let i = 1 + rng.integer(6); i > 0; i--) {
        const place = rng.integer(bytes.length);
        bytes[place] = rng.chance(0.5) ? 255 : rng.integer(256);
      }
      try {
        counts.read += readTflite(bytes, "changed.tflite").graph.nodes.length > -1 ? 1 : 0;
      } catch (error) {
        if (!CtError.is(error)) throw error;
        counts.refused++;
      }
    }
  }
  expect(counts.refused).toBeGreaterThan(100);
  expect(counts.read).toBeGreaterThan(100);
});

test("a table that many others share cannot be copied without end", () => {
  const copies = 50_000;
  const bytes = model({ copies });
  expect(bytes.length).toBeLessThan(300_000);
  expect(() => readTflite(bytes, "x.tflite")).not.toThrow();
});
