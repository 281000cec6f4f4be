import { expect, test } from "vitest";
import { bar, inOrder, joinFitting, Speed } from "./progress-text.ts";

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

test.each([
  [30, "Epoch 12/30 ━━━╌╌╌╌╌╌╌ 123/456"],
  [60, "Epoch 12/30 123/456 train/loss_step=0.694 val/acc_top1=0.812"],
  [80, "Epoch 12/30 ━━╌╌╌╌ 123/456 train/loss_step=0.694 val/acc_top1=0.812 1:02:03 left"],
  [100, "Epoch 12/30 123/456 train/loss_step=0.694 val/acc_top1=0.812 1:02:03 left 210 img/s val/loss=0.701"],
])("in %d columns the loss comes first, then accuracy, time left and speed, and no part is cut", (width, line) => {
  const metrics = { "val/loss": 0.701, "train/loss_epoch": 0.7, "train/loss_step": 0.694, "val/acc_top1": 0.812 };
  const { first, rest } = inOrder(metrics);
  expect(rest).toEqual(["val/loss=0.701", "train/loss_epoch=0.700"]);
  const parts = ["123/456", ...first, "1:02:03 left", "210 img/s", ...rest];
  const text = joinFitting("Epoch 12/30", parts, width, (cells) => bar(0.27, cells));
  expect(text.length).toBeLessThanOrEqual(width);
  expect(text).toBe(line);
});
