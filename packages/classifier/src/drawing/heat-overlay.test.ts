import { expect, test } from "vitest";
import { heatOverlay } from "./heat-overlay.ts";

test("a cold map leaves the image, a hot one reddens it", () => {
  const pixels = new Uint8ClampedArray(4 * 2 * 3).fill(80);
  const map = (value: number) => ({ values: new Float32Array(4).fill(value), height: 2, width: 2 });
  const cold = heatOverlay({ pixels, width: 4, height: 2, map: map(0) }, 8);
  expect(cold).toMatchObject({ width: 8, height: 4 });
  expect([...new Set(cold.pixels)]).toEqual([80]);
  const [red = 0, green = 0, blue = 0] = heatOverlay({ pixels, width: 4, height: 2, map: map(1) }, 8).pixels;
  expect(red).toBeGreaterThan(180);
  expect(green).toBeLessThan(40);
  expect(blue).toBeLessThan(40);
});

test("heat lies where the map has it", () => {
  const pixels = new Uint8ClampedArray(4 * 4 * 3);
  const map = { values: Float32Array.of(0, 1, 0, 0), height: 2, width: 2 };
  const { pixels: out, width } = heatOverlay({ pixels, width: 4, height: 4, map }, 16);
  const red = (x: number, y: number) => out[(y * width + x) * 3] as number;
  expect(red(14, 1)).toBeGreaterThan(150);
  expect(red(1, 14)).toBe(0);
});
