import { expect, test } from "vitest";
import { BestK } from "./best-k.ts";

function save(best: BestK, path: string, score: number) {
  return best.add(path, score, best.evict());
}

test("of files that were lost one after the other, the last one written is the best again", () => {
  const best = new BestK("min", 1);
  save(best, "a", 0.5);
  const b = save(best, "b", 0.4);
  const c = save(best, "c", 0.3);
  best.undo(b);
  expect(best.bestPath).toBe("c");
  best.undo(c);
  expect([...best.scores]).toEqual([["a", 0.5]]);
  expect(best.bestPath).toBe("a");
  expect(best.kthPath).toBe("a");
});

test("a file that follows a lost one says which older one is to be removed for it", () => {
  const best = new BestK("min", 1);
  save(best, "a", 0.5);
  const b = save(best, "b", 0.4);
  const c = save(best, "c", 0.3);
  best.undo(b);
  expect(best.confirm(c)).toBe("a");
  expect([...best.scores.keys()]).toEqual(["c"]);
});

test("files of one name are distinguished", () => {
  const best = new BestK("max", 1);
  save(best, "best", 0.5);
  const second = save(best, "best", 0.625);
  const third = save(best, "best", 0.75);
  best.undo(second);
  expect(best.bestScore).toBe(0.75);
  best.undo(third);
  expect(best.bestScore).toBe(0.5);
});

test("a lost file among several leaves the others in their places", () => {
  const best = new BestK("max", 2);
  save(best, "a", 0.25);
  save(best, "b", 0.5);
  const c = save(best, "c", 0.75);
  expect([...best.scores.keys()]).toEqual(["b", "c"]);
  best.undo(c);
  expect([...best.scores.keys()].sort()).toEqual(["a", "b"]);
  expect(best.bestPath).toBe("b");
  expect(best.kthPath).toBe("a");
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  "a score of %d is never the best, and gives way to any other",
  (score) => {
    for (const mode of ["min", "max"] as const) {
      const best = new BestK(mode, 1);
      save(best, "broken", score);
      expect([best.bestPath, best.bestScore, best.kthPath]).toEqual(["", null, "broken"]);
      expect(best.accepts(0.5)).toBe(true);
      save(best, "good", 0.5);
      expect([best.bestPath, best.bestScore]).toEqual(["good", 0.5]);
      expect(best.accepts(score)).toBe(false);
    }
  },
);
