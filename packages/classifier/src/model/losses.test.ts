import { nn, type Tensor, tensor, targets as torchTargets } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { ClassificationModel } from "./classification-model.ts";
import { classificationLoss } from "./losses.ts";
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

/** A loss by the name that a configuration has. */
const named = (name: string, kwargs: Readonly<Record<string, unknown>> = {}) =>
  torchTargets[name]?.invoke([], kwargs) as nn.Module<[Tensor, Tensor]>;

/** Recorded with PyTorch 1.13 and timm 1.0. */
const byName: Readonly<
  Record<string, readonly [options: Readonly<Record<string, unknown>>, targets: "labels" | "mixed", loss: number]>
> = {
  "timm.loss.AsymmetricLossSingleLabel": [{}, "labels", 0.161852058],
  "timm.loss.BinaryCrossEntropy": [{}, "labels", 0.5646334752],
  "timm.loss.LabelSmoothingCrossEntropy": [{}, "labels", 0.5268934851],
  "timm.loss.SoftTargetCrossEntropy": [{}, "mixed", 0.8310601518],
};

test.each(Object.entries(byName))("model.loss: %s", (name, [options, targets, loss]) => {
  const model = modelWith({ loss: named(name, options) });
  expect(model.loss(logits, targets === "mixed" ? mixed : labels).item()).toBeCloseTo(loss, 5);
});

test("options of a loss, and its own weights before those of the classes", () => {
  const options = { smoothing: 0.2, target_threshold: 0.3, sum_classes: true, pos_weight: [2, 2, 2] };
  const binary = modelWith({ loss: named("timm.loss.BinaryCrossEntropy", options) });
  expect(binary.loss(logits, mixed).item()).toBeCloseTo(2.8081755013, 5);
  const asymmetric = named("timm.loss.AsymmetricLossSingleLabel", { gamma_pos: 0.5, gamma_neg: 2, eps: 0 });
  expect(modelWith({ loss: asymmetric }).loss(logits, labels).item()).toBeCloseTo(0.2553484092, 6);
  const own = modelWith({ loss: named("torch.nn.CrossEntropyLoss", { weight: [0.5, 1, 1.5], label_smoothing: 0.2 }) });
  own.setClassWeights(tensor([9, 1, 1]));
  expect(own.loss(logits, labels).item()).toBeCloseTo(0.6214613928, 6);
});

test("class weights reach a loss that takes some, and its targets have its shape", () => {
  const binary = modelWith({ loss: named("torch.nn.BCEWithLogitsLoss") });
  binary.setClassWeights(weights);
  expect(binary.loss(logits, labels).item()).toBeCloseTo(0.503001457, 6);
  const entropy = modelWith({ loss: named("timm.loss.LabelSmoothingCrossEntropy") });
  entropy.setClassWeights(weights);
  expect(entropy.loss(logits, labels).item()).toBeCloseTo(0.4887511313, 6);
  expect([...entropy.stateDict().keys()].filter((key) => key.includes("criterion"))).toEqual([]);
});

test("a function is a loss, a class with _partial_ is made, and a loss that is not a scalar is refused", () => {
  const square = modelWith({ loss: (x: Tensor, y: Tensor) => x.sum().add(y.sum()) });
  expect(square.loss(logits, labels).item()).toBeCloseTo(9.375, 5);
  const partial = Object.assign(() => new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }), { target: "torch.nn.Loss" });
  expect(modelWith({ loss: partial }).loss(logits, labels).item()).toBeCloseTo(0.5268934851, 6);
  const each = modelWith({ loss: named("torch.nn.CrossEntropyLoss", { reduction: "none" }) });
  expect(() => each.loss(logits, labels)).toThrow(
    "model.loss: expected a loss that gives one number for a batch, received a tensor of shape [4]",
  );
  expect(() => modelWith({ loss: "cross_entropy" })).toThrow("expected a loss, such as torch.nn.CrossEntropyLoss");
});

test("a multilabel loss is binary cross entropy: positives weighted, targets smoothed by half, or focal", () => {
  const [logits, labels] = [
    [1.5, -0.5],
    [1, 0],
  ];
  const given = {
    ...classificationModelOptionsSchema.parse({ numClasses: 2, labelSmoothing: 0 }),
    task: "multilabel",
  } as const;
  const lossOf = (options: object) =>
    classificationLoss(
      tensor([logits]),
      tensor([labels]),
      { ...given, ...options },
      {
        weight: tensor([3, 3]),
        logPrior: undefined,
      },
    ).item() as number;
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const bce = (x: number, y: number) => -(3 * y * Math.log(sigmoid(x)) + (1 - y) * Math.log(1 - sigmoid(x)));
  const mean = (of: (x: number, y: number) => number) => (of(1.5, 1) + of(-0.5, 0)) / 2;
  expect(lossOf({})).toBeCloseTo(mean(bce), 6);
  expect(lossOf({ lossName: "bce" })).toBeCloseTo(mean(bce), 6);
  expect(lossOf({ labelSmoothing: 0.2 })).toBeCloseTo(
    mean((x, y) => bce(x, 0.8 * y + 0.1)),
    6,
  );
  const focal = (x: number, y: number) => bce(x, y) * (y === 1 ? 1 - sigmoid(x) : sigmoid(x)) ** 2;
  expect(lossOf({ lossName: "focal", focalGamma: 2 })).toBeCloseTo(mean(focal), 6);
});
