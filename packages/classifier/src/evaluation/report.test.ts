import { classReport, wilsonInterval } from "@classifier-training/runs";
import { expect, test } from "vitest";
import type { ModelEvaluation } from "./evaluate.ts";
import { evaluationMarkdown } from "./report.ts";

function evaluation(name: string, correct: readonly boolean[]): ModelEvaluation {
  const successes = correct.filter(Boolean).length;
  const report = { ...classReport(correct.length, successes, successes), f1: 1 };
  return {
    name,
    sizeBytes: 2 ** 20,
    top1: wilsonInterval(successes, correct.length),
    top5: wilsonInterval(correct.length, correct.length),
    perClass: { a: report },
    calibrationError: 0.05,
    latencyMs: { p50: 3, p95: 5 },
    predicted: correct.map(() => "a"),
    confidence: correct.map(() => 0.9),
    correct,
    errors: correct.map((right) => (right ? 0 : 1)),
  };
}

test("a report says when the difference of two models is not significant", () => {
  const few = [...Array(40).fill(true), false, false];
  const text = evaluationMarkdown([evaluation("a.onnx", Array(42).fill(true)), evaluation("b.onnx", few)], "valid");
  expect(text).toMatchInlineSnapshot(`
    "# Evaluation on valid: 42 images

    ## A: a.onnx

    - top-1: 100.0% (42 of 42; 95% interval 91.6% to 100.0%)
    - calibration error (ECE): 0.050
    - latency: 3.0 ms (p50), 5.0 ms (p95); size: 1.0 MB

    ## B: b.onnx

    - top-1: 95.2% (40 of 42; 95% interval 84.2% to 98.7%)
    - calibration error (ECE): 0.050
    - latency: 3.0 ms (p50), 5.0 ms (p95); size: 1.0 MB

    ## Comparison

    - A against B: 2 correct only in the first, 0 only in the second; p = 0.50
      (McNemar's exact test): no significant difference on these images.

    ## Classes

    | class | images | A correct |  A F1 | B correct |  B F1 |
    | ----- | -----: | --------: | ----: | --------: | ----: |
    | a     |     42 |        42 | 1.000 |        40 | 1.000 |"
  `);
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
});
