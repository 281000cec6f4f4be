import { expect, test } from "vitest";
import { sliceAccuracies } from "./slices.ts";

test("slices are by value, quarters of numbers, and none of what is different for each sample", () => {
  const metadata = Array.from({ length: 80 }, (_, i) => ({
    camera: i % 4 === 0 ? "B" : "A",
    side: String(100 + i),
    file: `f${i}.jpg`,
    height: String(i < 60 ? 40 : i - 40),
    note: i < 78 ? "" : "blurred",
  }));
  const slices = sliceAccuracies(
    metadata,
    metadata.map(({ camera }) => camera === "A"),
  );
  // Three quarters of the heights are the same one.
  expect(
    slices
      .filter(({ key }) => key === "height")
      .map(({ value, accuracy }) => [value, accuracy.n])
      .sort(),
  ).toEqual([
    ["20 to 39.75", 20],
    ["40", 60],
  ]);
  const others = slices.filter(({ key }) => key !== "height");
  expect(others.map(({ key, value, accuracy, rest }) => [key, value, accuracy.successes, accuracy.n, rest.n])).toEqual([
    ["camera", "B", 0, 20, 60],
    ["side", "100 to 119.8", 15, 20, 60],
    ["side", "119.8 to 139.5", 15, 20, 60],
    ["side", "139.5 to 159.3", 15, 20, 60],
    ["side", "159.3 to 179", 15, 20, 60],
    ["camera", "A", 60, 60, 20],
    ["note", "blurred", 2, 2, 0],
  ]);
});
