import { Rng } from "@classifier-training/base";
import { byteImage, type Image } from "@classifier-training/image";
import { expect, test } from "vitest";
import { trimBars } from "./trim-bars.ts";

/** An image of noise in a frame of one color with specks. */
function framed(frame: { left: number; top: number; right: number; bottom: number }, color: number, specks = 0): Image {
  const [width, height] = [20, 24];
  const rng = Rng.at(1, "frame", color);
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => 60 + rng.integer(180));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const inside = x >= frame.left && x < width - frame.right && y >= frame.top && y < height - frame.bottom;
      const at = 3 * (y * width + x);
      if (!inside) pixels.fill(rng.chance(specks) ? 255 : color + rng.integer(6), at, at + 3);
    }
  return byteImage(pixels, width, height);
}

const sizeOf = ({ width, height }: Image) => [width, height];

test("bars of any color are cut off on each side, specks or not", () => {
  for (const color of [0, 34, 120]) {
    const image = framed({ left: 0, top: 5, right: 0, bottom: 3 }, color, 0.05);
    const trimmed = trimBars(image);
    expect(sizeOf(trimmed)).toEqual([20, 16]);
    expect(trimmed.data).toEqual(image.data.subarray(5 * 20 * 3, 21 * 20 * 3));
  }
  expect(sizeOf(trimBars(framed({ left: 4, top: 0, right: 1, bottom: 0 }, 0)))).toEqual([15, 24]);
});

test("an image without bars, and one of a single color, stay as they are", () => {
  const plain = framed({ left: 0, top: 0, right: 0, bottom: 0 }, 0);
  expect(trimBars(plain)).toBe(plain);
  const uniform = byteImage(new Uint8Array(5 * 5 * 3).fill(9), 5, 5);
  expect(trimBars(uniform)).toBe(uniform);
  const dot = byteImage(new Uint8Array(3), 1, 1);
  expect(trimBars(dot)).toBe(dot);
});
