import { expect, test } from "vitest";
import type { Index, Tensor } from "../index.ts";
import * as torch from "../index.ts";

/** What one index does to the dimensions: all of these are written out as lists of positions. */
type Part =
  | { readonly kind: "select"; readonly at: number }
  | { readonly kind: "range"; readonly positions: readonly number[] }
  | { readonly kind: "new" }
  | { readonly kind: "gather"; readonly positions: readonly number[]; readonly shape: readonly number[] };

const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** The coordinates of a flat position. */
function unravel(at: number, shape: readonly number[]): number[] {
  const coordinates: number[] = [];
  let rest = at;
  for (const size of [...shape].reverse()) {
    coordinates.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return coordinates;
}

function ravel(coordinates: readonly number[], shape: readonly number[]): number {
  return shape.reduce((at, size, i) => at * size + (coordinates[i] as number), 0);
}

/** The position of an element of `shape` in an array that broadcasts to it. */
function broadcastAt(coordinates: readonly number[], shape: readonly number[]): number {
  const tail = coordinates.slice(coordinates.length - shape.length);
  return ravel(
    tail.map((at, i) => (shape[i] === 1 ? 0 : at)),
    shape,
  );
}

/** The shape of an indexed array, and for each of its elements the position in the source. */
function reference(source: readonly number[], parts: readonly Part[]): { shape: number[]; positions: number[] } {
  // Numbers are applied first, as PyTorch does: they do not count as gathers, nor do they stand between them.
  const kept = parts.filter((part) => part.kind !== "select");
  const gathers = kept.filter((part) => part.kind === "gather");
  const depth = Math.max(0, ...gathers.map(({ shape }) => shape.length));
  const common = range(depth).map((i) => {
    const sizes = gathers.map(({ shape }) => shape[i - depth + shape.length] ?? 1);
    return sizes.find((size) => size !== 1) ?? 1;
  });
  const first = kept.findIndex(({ kind }) => kind === "gather");
  const last = kept.findLastIndex(({ kind }) => kind === "gather");
  const adjacent = kept.slice(first, last + 1).every(({ kind }) => kind === "gather");
  const sizesOf = (part: Part) => (part.kind === "range" ? [part.positions.length] : part.kind === "new" ? [1] : []);
  const at = first < 0 || !adjacent ? 0 : kept.slice(0, first).flatMap(sizesOf).length;
  const plain = kept.flatMap(sizesOf);
  const shape = [...plain.slice(0, at), ...common, ...plain.slice(at)];
  const positions = range(product(shape)).map((flat) => {
    const coordinates = unravel(flat, shape);
    const inGather = coordinates.slice(at, at + depth);
    const others = [...coordinates.slice(0, at), ...coordinates.slice(at + depth)];
    const from = parts.flatMap((part): number[] => {
      if (part.kind === "select") return [part.at];
      if (part.kind === "gather") return [part.positions[broadcastAt(inGather, part.shape)] as number];
      const own = others.shift() as number;
      return part.kind === "new" ? [] : [part.positions[own] as number];
    });
    return ravel(from, source);
  });
  return { shape, positions };
}

/** A small generator of integers below `limit`, the same in each run. */
function randomIntegers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state >>> 8) % 65536) % limit;
  };
}

interface Case {
  readonly source: number[];
  readonly indices: Index[];
  readonly parts: Part[];
}

function randomCase(seed: number): Case {
  const below = randomIntegers(seed);
  const source = range(1 + below(4)).map(() => 1 + below(4));
  const indices: Index[] = [];
  const parts: Part[] = [];
  const common = range(1 + below(2)).map(() => 1 + below(3));
  const count = () => 1 + below(2);
  let dim = 0;
  const whole = (size: number): Part => ({ kind: "range", positions: range(size) });
  while (dim < source.length && below(8) > 0) {
    const size = source[dim] as number;
    switch (below(9)) {
      case 0: {
        const at = below(size);
        indices.push(below(2) ? at : at - size);
        parts.push({ kind: "select", at });
        dim++;
        break;
      }
      case 1: {
        const at = below(size);
        const dtype = (["int64", "int32"] as const)[below(2)] as "int64";
        indices.push(torch.tensor(below(2) ? at : at - size, { dtype }));
        parts.push({ kind: "select", at });
        dim++;
        break;
      }
      case 2:
      case 3: {
        const [start, end, step] = [below(size), below(size + 3), count()];
        indices.push(below(2) ? `${start}:${end}:${step}` : torch.slice(start - size, end, step));
        parts.push({
          kind: "range",
          positions: range(size).filter((i) => i >= start && i < end && (i - start) % step === 0),
        });
        dim++;
        break;
      }
      case 4:
        indices.push(null);
        parts.push({ kind: "new" });
        break;
      case 5: {
        if (below(2) || indices.includes("...")) {
          indices.push(":");
          parts.push(whole(size));
          dim++;
          break;
        }
        const left = below(source.length - dim + 1);
        indices.push("...");
        for (; dim < left; dim++) parts.push(whole(source[dim] as number));
        // What the ellipsis leaves is named in full.
        for (; dim < source.length; dim++) {
          indices.push(":");
          parts.push(whole(source[dim] as number));
        }
        break;
      }
      case 6:
      case 7: {
        const shape = common.slice(below(common.length + 1)).map((length) => (below(4) ? length : 1));
        if (shape.length === 0) shape.push(1);
        const positions = range(product(shape)).map(() => below(size));
        const given = positions.map((at) => (below(2) ? at : at - size));
        indices.push(torch.tensor(given, { dtype: "int64" }).reshape(shape));
        parts.push({ kind: "gather", positions, shape });
        dim++;
        break;
      }
      default: {
        if (parts.some(({ kind }) => kind === "gather")) break;
        const covered = source.slice(dim, dim + 1 + below(2));
        const mask = range(product(covered)).map(() => below(2) === 1);
        const hits = mask.flatMap((hit, i) => (hit ? [unravel(i, covered)] : []));
        indices.push(torch.tensor(mask).reshape(covered));
        for (const i of range(covered.length)) {
          parts.push({ kind: "gather", positions: hits.map((hit) => hit[i] as number), shape: [hits.length] });
        }
        // Gathers beside a mask would have to broadcast with it.
        common.length = 0;
        common.push(hits.length);
        dim += covered.length;
      }
    }
  }
  for (; dim < source.length; dim++) parts.push(whole(source[dim] as number));
  return { source, indices, parts };
}

test.each(range(8))(
  "indices read and write the elements that positions written out one by one name, part %i",
  (part) => {
    for (let seed = 60 * part; seed < 60 * (part + 1); seed++) {
      const { source, indices, parts } = randomCase(seed + 1);
      const wanted = reference(source, parts);
      const what = `case ${seed}: [${source}] at ${indices.map(String).join(", ")}`;
      const x: Tensor = torch.arange(product(source)).reshape(source);
      const read = x.index(...indices);
      expect([read.shape, read.toArray()], what).toEqual([wanted.shape, wanted.positions]);

      const expected = range(product(source));
      const written = (value: Tensor | number) => x.clone().setIndex(indices, value).toArray();
      for (const at of wanted.positions) expected[at] = -1;
      expect(written(-1), what).toEqual(expected);
      expect(written(torch.tensor([[-1]], { dtype: "int64" })), what).toEqual(expected);
      if (new Set(wanted.positions).size < wanted.positions.length) continue;
      for (const [i, at] of wanted.positions.entries()) expected[at] = 100 + i;
      const values = torch
        .arange(wanted.positions.length)
        .add(100)
        .reshape([1, ...wanted.shape]);
      expect(written(values), what).toEqual(expected);
    }
  },
);
