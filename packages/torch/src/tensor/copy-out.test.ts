import { expect, test } from "vitest";
import { arange, copyTensors, fromBuffer, rand, sharedMemory, tensor, zeros } from "../index.ts";

test("tensors are copied to their places, whatever their alignment and memory order", () => {
  const big = rand([3, 1000, 7]);
  const odd = arange(37, { dtype: "uint8" });
  const turned = arange(2 * 3 * 4 * 5, { dtype: "float32" })
    .reshape([2, 3, 4, 5])
    .contiguous("channels_last");
  const trained = rand([40], { requiresGrad: true });
  const bytes = [big, odd, turned, trained].map(({ numel, elementSize }) => numel * elementSize);
  // The odd length puts what follows off every boundary.
  const offsets = bytes.map((_, i) => bytes.slice(0, i).reduce((sum, one) => sum + one, 0));
  const memory = sharedMemory(bytes.reduce((sum, one) => sum + one, 0));
  copyTensors(
    [big, odd, turned, trained].map((one, i) => ({ tensor: one, offset: offsets[i] ?? 0 })),
    memory,
  );
  const read = (i: number) => new Uint8Array(memory).slice(offsets[i], (offsets[i] ?? 0) + (bytes[i] ?? 0)).buffer;
  expect(fromBuffer(read(0), 0, big.shape, "float32").equal(big)).toBe(true);
  expect([...new Uint8Array(read(1))]).toEqual(odd.toArray());
  expect([...new Float32Array(read(2))]).toEqual(Array.from({ length: 120 }, (_, i) => i));
  expect([...new Float32Array(read(3))]).toEqual(trained.toArray());
});

test("bytes beside a copied tensor stay as they are", () => {
  const memory = new ArrayBuffer(4096 + 20);
  new Uint8Array(memory).fill(7);
  copyTensors([{ tensor: zeros([1024]), offset: 12 }], memory);
  const bytes = new Uint8Array(memory);
  expect([...bytes.slice(0, 12), ...bytes.slice(-8)]).toEqual(Array(20).fill(7));
  expect(bytes.slice(12, -8).every((one) => one === 0)).toBe(true);
});

test("a tensor that does not fit is refused, and so is a place before the memory", () => {
  const memory = new ArrayBuffer(16);
  expect(() => copyTensors([{ tensor: tensor([1, 2]), offset: 9 }], memory)).toThrow(
    "snapshot buffer too small: 16 bytes",
  );
  expect(() => copyTensors([{ tensor: tensor([1, 2]), offset: -4 }], memory)).toThrow(
    "snapshot buffer too small: 16 bytes",
  );
});
