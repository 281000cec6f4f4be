import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHeader, headerLength, layOut, parseHeader } from "./safetensors-header.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const parse = (text: string, dataSize: number) => parseHeader(bytesOf(text), dataSize, "test.safetensors");
const entry = (dtype: string, shape: number[], begin: number, end: number) =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

const items = { float32: 4, bfloat16: 2, int64: 8, bool: 1 };

test("a header that was written is read back, whatever the names", () => {
  const dtypes = fc.constantFrom("float32", "bfloat16", "int64", "bool") as fc.Arbitrary<keyof typeof items>;
  const tensors = fc.uniqueArray(
    fc.record({ name: fc.string({ unit: "grapheme" }), dtype: dtypes, shape: fc.array(fc.nat(5), { maxLength: 4 }) }),
    { selector: ({ name }) => name },
  );
  fc.assert(
    fc.property(tensors, fc.dictionary(fc.string(), fc.string()), (sizes, metadata) => {
      const named = sizes.filter(({ name }) => name !== "__metadata__");
      const entries = layOut(named);
      const file = encodeHeader(entries, metadata);
      expect(file.byteLength % 8).toBe(0);
      const dataSize = named.reduce((sum, t) => sum + t.shape.reduce((a, b) => a * b, items[t.dtype]), 0);
      expect(headerLength(file, file.byteLength + dataSize, "x")).toBe(file.byteLength - 8);
      const header = parseHeader(file.subarray(8), dataSize, "x");
      expect(header.entries).toEqual(entries);
      expect(entries.every(({ dtype, begin }) => begin % items[dtype as keyof typeof items] === 0)).toBe(true);
      expect(header.metadata).toEqual(metadata);
    }),
  );
});

describe("a hostile header is refused with a sentence", () => {
  const hostile: readonly [why: string, json: string, dataSize: number, expected: string][] = [
    ["overlap", `{"a":${entry("U8", [4], 0, 4)},"b":${entry("U8", [4], 2, 6)}}`, 6, "'b' overlaps"],
    ["gap", `{"a":${entry("U8", [4], 0, 4)},"b":${entry("U8", [4], 5, 9)}}`, 9, "1 bytes before tensor 'b'"],
    ["bytes left over", `{"a":${entry("U8", [4], 0, 4)}}`, 5, "1 bytes at the end"],
    ["out of range", `{"a":${entry("F32", [4], 0, 16)}}`, 12, "truncated or corrupt"],
    ["backwards", `{"a":${entry("U8", [0], 4, 0)}}`, 4, "before it begins"],
    ["shape and offsets disagree", `{"a":${entry("F32", [3], 0, 16)}}`, 16, "needs 12 bytes"],
    ["overflowing shape", `{"a":${entry("F32", [2 ** 40, 2 ** 40], 0, 16)}}`, 16, "its offsets span 16"],
    ["duplicate name", `{"a":${entry("U8", [1], 0, 1)},"a":${entry("U8", [1], 0, 1)}}`, 1, `"a" is given twice`],
    ["duplicate key", `{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, "given twice"],
    ["unknown dtype", `{"a":${entry("F99", [1], 0, 1)}}`, 1, `has dtype "F99"`],
    ["a dtype from Object.prototype", `{"a":${entry("toString", [1], 0, 1)}}`, 1, `has dtype "toString"`],
    ["negative size", `{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1, "expected an integer"],
    ["fraction", `{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}`, 1, "expected an integer"],
    ["exponent", `{"a":{"dtype":"U8","shape":[1e3],"data_offsets":[0,1]}}`, 1, "expected an integer"],
    [
      "huge number",
      `{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]}}`,
      1,
      "expected an integer",
    ],
    ["deep nesting", `{"a":${"[".repeat(100_000)}`, 0, "expected '{'"],
    ["deep nesting in a shape", `{"a":{"dtype":"U8","shape":${"[".repeat(100_000)}`, 0, "expected an integer"],
    ["metadata of a number", `{"__metadata__":{"a":1}}`, 0, "expected a string"],
    ["trailing text", "{}x", 0, "expected nothing after"],
    ["leading space", " {}", 0, "expected '{'"],
    ["not JSON", "PK\u0003\u0004", 0, "expected '{'"],
    ["bad escape", `{"\\q":{}}`, 0, "an unknown escape"],
  ];
  test.each(hostile)("%s", (_why, json, dataSize, expected) => {
    expect(() => parse(json, dataSize)).toThrow(expected);
  });

  test("bytes that are not UTF-8", () => {
    expect(() => parseHeader(Uint8Array.of(0x7b, 0xff, 0x7d), 0, "x")).toThrow("not UTF-8");
  });

  test("a header longer than the file, or than the format allows", () => {
    const prefix = (length: bigint) => new Uint8Array(new BigUint64Array([length]).buffer);
    expect(() => headerLength(prefix(100n), 50, "x")).toThrow("only 42 follow");
    expect(() => headerLength(prefix(2n ** 63n), 50, "x")).toThrow("more than the 100000000");
    expect(() => headerLength(new Uint8Array(3), 3, "x")).toThrow("shorter than the 8 bytes");
  });
});

test("random bytes and random edits of a good header are read or refused, never worse", () => {
  const good = bytesOf(
    `{"__metadata__":{"k":"v"},"a":${entry("F32", [2, 2], 0, 16)},"b":${entry("I64", [1], 16, 24)}}`,
  );
  const edited = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }).map((edits) => {
    const copy = good.slice();
    for (const [at, value] of edits) copy[at] = value;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(edited, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      try {
        const { entries } = parseHeader(bytes, 24, "x");
        expect(entries.every(({ begin, end }) => begin >= 0 && begin <= end && end <= 24)).toBe(true);
      } catch (error) {
        expect((error as Error).name).toBe("SerializationError");
      }
    }),
    { numRuns: 2000 },
  );
});
