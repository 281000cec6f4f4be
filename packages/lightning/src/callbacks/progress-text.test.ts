import { expect, test } from "vitest";
import { Speed } from "./progress-text.ts";

const stats = (images: number) => ({ waitMs: 0, images });

test("the speed counts every batch since the beginning, however late it is asked for", () => {
  const speed = new Speed(stats(0));
  const { seconds, secondsPerBatch } = speed.measure(stats(640), 10);
  expect(secondsPerBatch).toBeCloseTo(seconds / 10, 12);
});

test("batches of before a resume do not count", () => {
  const speed = new Speed(stats(0), 90);
  expect(speed.measure(stats(0), 90).secondsPerBatch).toBe(0);
  const { seconds, secondsPerBatch } = speed.measure(stats(64), 92);
  expect(secondsPerBatch).toBeCloseTo(seconds / 2, 12);
});
