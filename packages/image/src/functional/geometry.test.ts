import { expect, test } from "vitest";
import { byteImage } from "../image.ts";
import { affine, rotate } from "./geometry.ts";

/** A tensor of one channel that counts from 1. */
function counting(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height }, (_, i) => i + 1);
  return byteImage(data, width, height, { channels: 1, semantics: "tensor" });
}

// What torchvision's rotate gives for tensors. Two pixels are equally near: its float32 decides.
const turns = [
  { size: [3, 2], angle: 90, pixels: [3, 3, 0, 1, 1, 0] },
  { size: [3, 2], angle: 270, pixels: [0, 1, 1, 0, 3, 3] },
  { size: [5, 4], angle: 90, pixels: [5, 5, 15, 15, 0, 3, 3, 13, 13, 0, 3, 3, 13, 13, 0, 1, 1, 11, 11, 0] },
  { size: [5, 4], angle: 270, pixels: [0, 11, 11, 1, 1, 0, 13, 13, 3, 3, 0, 13, 13, 3, 3, 0, 15, 15, 5, 5] },
] as const;

test.each(turns)("a tensor of $size turned by $angle degrees takes torchvision's pixels", ({ size, angle, pixels }) => {
  const image = counting(size[0], size[1]);
  expect([...rotate(image, angle).data]).toEqual(pixels);
  const params = { angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] } as const;
  expect([...affine(image, params).data]).toEqual(pixels);
});

test("a quarter turn with expand swaps the sides, and gains a pixel only where the middle lies between pixels", () => {
  const sidesOf = (width: number, height: number) => {
    const made = rotate(counting(width, height), 90, { expand: true });
    return [made.width, made.height];
  };
  expect(sidesOf(21, 11)).toEqual([11, 21]);
  expect(sidesOf(16, 10)).toEqual([10, 16]);
  expect(sidesOf(5, 4)).toEqual([5, 6]);
});
