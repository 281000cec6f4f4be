import { expect, test } from "vitest";
import { asMaxTime, describeTime, parseTime, planBudget } from "./time-budget.ts";

const data = { samples: 1600, validationSamples: 400, classes: 10, smallest: 160, largest: 160, side: 100 };
const alone = { trainS: 0.002, validationS: 0.0007, contention: 1 };

test("what is before the first step and after the last comes off the time, and takes longer beside other programs", () => {
  const { limitS, epochsS } = planBudget(300, 10, alone, data);
  expect(limitS).toBeGreaterThan(260);
  expect(limitS).toBeLessThan(290);
  expect(epochsS).toBeLessThan(limitS);
  const beside = planBudget(300, 10, { ...alone, contention: 3 }, data).limitS;
  expect(limitS - beside).toBeGreaterThan(15);
  expect(limitS - planBudget(300, 30, alone, data).limitS).toBeCloseTo(20);
  expect(limitS - planBudget(300, 10, { ...alone, validationS: 0.0021 }, data).limitS).toBeGreaterThan(5);
  expect(planBudget(30, 29, alone, data).limitS).toBe(5);
});

test.each([
  ["20m", 1200, "20 min", "00:00:20:00"],
  ["1h30m", 5400, "1 h 30 min", "00:01:30:00"],
  ["90s", 90, "90 s", "00:00:01:30"],
  ["1d2h", 93_600, "26 h", "01:02:00:00"],
])("%s is %i seconds, %s, and %s", (text, seconds, said, maxTime) => {
  expect(parseTime(text)).toBe(seconds);
  expect(describeTime(seconds)).toBe(said);
  expect(asMaxTime(seconds)).toBe(maxTime);
});

test.each(["20", "m", "20 m", "29s", "5m x", "-5m", ""])("'%s' is not a time", (text) => {
  expect(() => parseTime(text)).toThrow(/expected a time of 30 seconds or more, received/);
});
