import { tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { ClassificationModel } from "./classification-model.ts";
import { classificationModelOptionsSchema } from "./options.ts";
import { buildBackbone } from "./recipe.ts";

const rows = [
  [1.5, -0.25, 0.5],
  [-1, 2, 0.125],
  [0.75, 0.5, -2],
  [0, 0.25, 3],
];
const logits = tensor(rows);
const labels = tensor([0, 1, 1, 2], { dtype: "int64" });
/** As MixUp leaves them. */
const mixed = tensor([
  [0.75, 0.25, 0],
  [0, 1, 0],
  [0, 0.6, 0.4],
  [0.1, 0, 0.9],
]);
const weights = tensor([0.5, 1, 1.5]);

function modelWith(given: object): ClassificationModel {
  const options = classificationModelOptionsSchema.parse({ numClasses: 3, pretrained: false, width: 1, ...given });
  return new ClassificationModel(options, "resnet18", (classes) => buildBackbone("resnet18", options, classes));
}

/** Recorded with PyTorch 1.13: its own losses, and timm's BinaryCrossEntropy written with them. */
const recorded: Readonly<Record<string, readonly [options: object, targets: "labels" | "mixed", loss: number]>> = {
  "cross entropy": [{ labelSmoothing: 0.1 }, "labels", 0.5268934851],
  "focal, as its paper": [{ lossName: "focal" }, "labels", 0.0867314734],
  "focal, mixed": [{ lossName: "focal" }, "mixed", 0.4181119797],
  bce: [{ lossName: "bce" }, "labels", 0.5212306974],
  "bce, smoothed": [{ lossName: "bce", labelSmoothing: 0.1 }, "labels", 0.5646334752],
  "bce above a threshold": [{ lossName: "bce", labelSmoothing: 0.1, bceTargetThreshold: 0.2 }, "labels", 0.5212306974],
  "bce, mixed": [{ lossName: "bce" }, "mixed", 0.6660223641],
  "bce, mixed and smoothed": [{ lossName: "bce", labelSmoothing: 0.1 }, "mixed", 0.6949459752],
  "logit adjustment": [{ logitAdjustment: 1 }, "labels", 0.4893334914],
  "logit adjustment, mixed": [{ logitAdjustment: 1 }, "mixed", 1.0320974323],
  "logit adjustment of a focal loss": [{ logitAdjustment: 1, lossName: "focal" }, "labels", 0.1786885929],
};
const recordedWithWeights: typeof recorded = {
  "cross entropy": [{ labelSmoothing: 0.1 }, "labels", 0.4887511313],
  "cross entropy, mixed": [{ labelSmoothing: 0.1 }, "mixed", 1.0069455485],
  focal: [{ lossName: "focal", labelSmoothing: 0.1, focalGamma: 1.5 }, "labels", 0.1570852491],
  bce: [{ lossName: "bce", labelSmoothing: 0.1 }, "labels", 0.5521334015],
  "bce, mixed, above a threshold": [
    { lossName: "bce", labelSmoothing: 0.1, bceTargetThreshold: 0.2 },
    "mixed",
    0.7738347904,
  ],
  "logit adjustment": [{ logitAdjustment: 0.5, labelSmoothing: 0.1 }, "labels", 0.5541642042],
};
const cases = [
  ...Object.entries(recorded).map(([name, row]) => [name, false, ...row] as const),
  ...Object.entries(recordedWithWeights).map(([name, row]) => [`${name}, with class weights`, true, ...row] as const),
];

test.each(cases)("the loss is PyTorch's: %s", (_name, weighted, options, targets, loss) => {
  const model = modelWith({ labelSmoothing: 0, ...options });
  if (weighted) model.setClassWeights(weights);
  // The third class has no sample.
  model.setClassCounts([6, 3, 0]);
  expect(model.loss(logits, targets === "mixed" ? mixed : labels).item()).toBeCloseTo(loss, 6);
});

test("logits are adjusted in training alone, by the classes' frequencies", () => {
  const model = modelWith({ labelSmoothing: 0, logitAdjustment: 1 });
  model.setClassCounts([6, 3, 0]);
  model.eval();
  const plain = modelWith({ labelSmoothing: 0 });
  expect(model.loss(logits, labels).item()).toBe(plain.loss(logits, labels).item());
  expect([...model.stateDict().keys()]).toContain("class_log_prior");
  expect([...plain.stateDict().keys()]).not.toContain("class_log_prior");
});

test("options that contradict one another are refused", () => {
  expect(() => modelWith({ lossName: "bce", logitAdjustment: 1 })).toThrow(
    "model.logit_adjustment: expected a loss over a softmax (cross_entropy, focal), received loss_name bce",
  );
  expect(() => modelWith({ bceTargetThreshold: 0.2 })).toThrow(
    "model.bce_target_threshold: expected loss_name bce, received cross_entropy",
  );
});
