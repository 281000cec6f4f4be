import { expect, test } from "vitest";
import { describeInterval, wilsonInterval } from "./interval.ts";
import { mcnemarTest } from "./mcnemar.ts";

test("the Wilson interval has its published values", () => {
  // Brown, Cai, DasGupta (2001), and R: prop.test(15, 20, correct = FALSE), prop.test(0, 10, correct = FALSE)
  const some = wilsonInterval(15, 20);
  expect(some.low).toBeCloseTo(0.5313, 4);
  expect(some.high).toBeCloseTo(0.8881, 4);
  const none = wilsonInterval(0, 10);
  expect(none.low).toBe(0);
  expect(none.high).toBeCloseTo(0.2775, 4);
});

test("a proportion says what it rests on", () => {
  expect(describeInterval(wilsonInterval(368, 394))).toBe("93.4% (368 of 394; 95% interval 90.5% to 95.5%)");
  expect(describeInterval(wilsonInterval(0, 0))).toBe("no samples");
});

test("models that differ on few samples have no significant difference", () => {
  const base = Array.from({ length: 394 }, (_, i) => i % 12 !== 0);
  const better = base.map((correct, i) => correct || (i % 12 === 0 && i < 48));
  const four = mcnemarTest(better, base);
  expect(four).toMatchObject({ onlyFirst: 4, onlySecond: 0, distinguishable: false });
  expect(four.pValue).toBeCloseTo(0.125, 10);
  const clear = mcnemarTest(
    base.map(() => true),
    base,
  );
  expect(clear.onlyFirst).toBe(33);
  expect(clear.pValue).toBeCloseTo(2 * 2 ** -33, 15);
  expect(clear.distinguishable).toBe(true);
  expect(mcnemarTest(base, base).pValue).toBe(1);
});
