import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { arange, type DType, manualSeed, randn, scope, type Tensor, tensor, zeros } from "../index.ts";
import { deserializeSafetensors, loadSafetensors, saveSafetensors, serializeSafetensors } from "./safetensors.ts";

const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "model.safetensors");

const dtypes: readonly DType[] = [
  "bool",
  "uint8",
  "int8",
  "int16",
  "int32",
  "int64",
  "float16",
  "bfloat16",
  "float32",
  "float64",
];

function everyDtype(): Map<string, Tensor> {
  manualSeed(1);
  const tensors = new Map(dtypes.map((dtype) => [`of ${dtype}`, arange(6).reshape(2, 3).to({ dtype })]));
  tensors.set("scalar", tensor(2.5));
  tensors.set("empty", zeros([0, 4]));
  tensors.set("channels last", randn([2, 3, 4, 4]).contiguous("channels_last"));
  tensors.set("transposed", randn([3, 5]).t());
  tensors.set("größe/火\n", randn([1]));
  return tensors;
}

function expectSame(actual: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, value] of expected) {
    const loaded = actual.get(name) as Tensor;
    expect([loaded.dtype, loaded.shape]).toEqual([value.dtype, value.shape]);
    expect(loaded.equal(value)).toBe(true);
  }
}

test.each([{ mmap: false }, { mmap: true }])(
  "tensors of every dtype and layout come back, with their metadata (%o)",
  (options) => {
    const tensors = everyDtype();
    saveSafetensors(path, tensors, { note: "größe", epoch: "3" });
    const { tensors: loaded, metadata } = loadSafetensors(path, options);
    expectSame(loaded, tensors);
    expect(metadata).toEqual({ format: "pt", note: "größe", epoch: "3" });
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
  },
);

test("a mapped tensor may be changed; the file stays as it is", () => {
  saveSafetensors(path, new Map([["a", zeros([4])]]));
  const first = loadSafetensors(path, { mmap: true }).tensors.get("a") as Tensor;
  first.fill_(1);
  expect(first.toArray()).toEqual([1, 1, 1, 1]);
  expect(loadSafetensors(path).tensors.get("a")?.toArray()).toEqual([0, 0, 0, 0]);
});

test("a file survives the scope that it was loaded in", () => {
  saveSafetensors(path, everyDtype());
  const { tensors } = scope(() => loadSafetensors(path));
  expect(tensors.get("scalar")?.item()).toBe(2.5);
});

test("bytes and file are the same, and are read back from memory at any alignment", () => {
  const tensors = everyDtype();
  saveSafetensors(path, tensors);
  const bytes = serializeSafetensors(tensors);
  expect(Buffer.compare(bytes, readFileSync(path))).toBe(0);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  expectSame(deserializeSafetensors(shifted.subarray(1)).tensors, tensors);
});

test("one bit flipped in the data is noticed, and a truncated file too", () => {
  saveSafetensors(path, new Map([["a", randn([64])]]));
  const bytes = readFileSync(path);
  const damaged = join(folder, "damaged.safetensors");
  const flipped = Buffer.from(bytes);
  flipped[bytes.length - 5] = (flipped[bytes.length - 5] as number) ^ 8;
  writeFileSync(damaged, flipped);
  expect(() => loadSafetensors(damaged)).toThrow("does not match its checksum");
  expect(loadSafetensors(damaged, { verify: false }).tensors.size).toBe(1);
  for (const length of [0, 4, 20, bytes.length - 1]) {
    writeFileSync(damaged, bytes.subarray(0, length));
    expect(() => loadSafetensors(damaged)).toThrow(/truncated|shorter than the 8 bytes/);
  }
});

test("a file of another writer, unaligned and without a checksum, is read", () => {
  const json = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  const file = Buffer.concat([
    Buffer.from(new BigUint64Array([BigInt(json.length)]).buffer),
    Buffer.from(json),
    Buffer.from(Float32Array.of(1, 2).buffer),
  ]);
  writeFileSync(path, file);
  for (const mmap of [false, true]) {
    const { tensors, metadata } = loadSafetensors(path, { mmap });
    expect(tensors.get("a")?.toArray()).toEqual([1, 2]);
    expect(metadata).toEqual({});
  }
});

test("what safetensors cannot hold is refused, and no file is left behind", () => {
  const complex = new Map([["c", randn([2]).to({ dtype: "complex64" })]]);
  const other = join(folder, "other.safetensors");
  expect(() => saveSafetensors(other, complex)).toThrow("safetensors has no dtype for complex64");
  expect(() => saveSafetensors(other, new Map([["__metadata__", randn([2])]]))).toThrow("cannot have this name");
  expect(readdirSync(folder)).not.toContain("other.safetensors");
});
