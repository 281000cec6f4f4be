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
    correct,
    errors: correct.map((right) => (right ? 0 : 1)),
  };
}

test("a report says when the difference of two models is not significant", () => {
  const few = [...Array(40).fill(true), false, false];
  const text = evaluationMarkdown([evaluation("a.onnx", Array(42).fill(true)), evaluation("b.onnx", few)], "valid");
  expect(text).toMatchInlineSnapshot(`
    "# Evaluation on valid: 42 images

    | model | top-1 (95% interval) | top-5 (95% interval) | calibration error (ECE) | latency p50 / p95, ms | size, MB |
    | --- | --- | --- | --- | --- | --- |
    | a.onnx | 100.0% (91.6% to 100.0%) | 100.0% (91.6% to 100.0%) | 0.050 | 3.0 / 5.0 | 1.0 |
    | b.onnx | 95.2% (84.2% to 98.7%) | 100.0% (91.6% to 100.0%) | 0.050 | 3.0 / 5.0 | 1.0 |

    - a.onnx against b.onnx: 2 correct only in the first, 0 only in the second; p = 0.50 (McNemar's exact test): no significant difference on these images.

    ## By class: correct predictions, and F1

    | class | images | a.onnx | b.onnx |
    | --- | --- | --- | --- |
    | a | 42 | 42; 1.000 | 40; 1.000 |"
  `);
});
