import { nn, type Tensor } from "@classifier-training/torch";
import { networkOptionAliases } from "@classifier-training/vision";
import { z } from "zod";

/** What `_partial_: true` makes of a `_target_`: a function of the arguments that are still missing. */
export interface PartialTarget {
  (...args: readonly unknown[]): unknown;
  readonly target?: string;
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly optionNames?: readonly string[] | undefined;
  with?(kwargs: Readonly<Record<string, unknown>>): PartialTarget;
}

const partial = (what: string) =>
  z.custom<PartialTarget>((value) => typeof value === "function", `expected ${what} with _partial_: true`);

const schedulerPartial = partial(
  "a learning-rate scheduler (scheduler=cosine chooses one), such as torch.optim.lr_scheduler.StepLR",
);
const interval = z.enum(["epoch", "step"]);
const frequency = z.int().min(1);

/** How Lightning describes a scheduler. */
const lrSchedulerConfigSchema = z.strictObject({
  scheduler: schedulerPartial.nullable(),
  interval: interval.optional(),
  frequency: frequency.optional(),
  monitor: z.string().nullish(),
  strict: z.boolean().optional(),
  name: z.string().nullish(),
  reduceOnPlateau: z.boolean().optional(),
});

/** A loss: a module, or a function, of logits [N, K] and labels. */
const loss = z.custom<nn.Module<[Tensor, Tensor]> | PartialTarget>(
  (value) => typeof value === "function" || value instanceof nn.Module,
  "expected a loss, such as torch.nn.CrossEntropyLoss",
);

const fraction = z.number().min(0).max(1).nullable().default(null);

/** Options of every classification model: the names and defaults of the original's models. */
export const classificationModelOptionsSchema = z.strictObject({
  numClasses: z.int().min(2).nullable().default(null).describe("number of classes; taken from the data when omitted"),
  task: z
    .enum(["multiclass", "multilabel"])
    .default("multiclass")
    .describe("multilabel: any number of labels per image, a sigmoid for each class; taken from the data"),
  pretrained: z
    .union([z.boolean(), z.string().min(1)])
    .default(true)
    .describe(
      "start from published ImageNet weights (true, or their name), or from a file, a URL, timm/NAME or hf://OWNER/NAME",
    ),
  weights: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      "start from these in place of `pretrained`: a file (.pth, .pt, .safetensors, .ckpt), a URL, timm/NAME or hf://OWNER/NAME",
    ),
  learningRate: z.number().positive().default(1e-4),
  weightDecay: z.number().min(0).default(1e-4),
  warmupEpochs: z.int().min(0).default(5).describe("epochs of linear warm-up before the cosine decay"),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  warmupStartFactor: z
    .number()
    .gt(0)
    .max(1)
    .default(1e-3)
    .describe("fraction of the learning rate at which warm-up starts"),
  cosineEtaMinFactor: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe("fraction of the learning rate at which the decay ends"),
  lossName: z
    .enum(["cross_entropy", "focal", "bce"])
    .default("cross_entropy")
    .describe("bce: a binary cross entropy for each class, for MixUp and CutMix"),
  focalGamma: z.number().min(0).default(2),
  bceTargetThreshold: z
    .number()
    .min(0)
    .lt(1)
    .nullable()
    .default(null)
    .describe("with bce: targets above it (after MixUp and smoothing) are 1, the others 0"),
  logitAdjustment: z
    .number()
    .min(0)
    .default(0)
    .describe("for rare classes: in training, this times the log of a class's fraction is added to its logit; 0: off"),
  stem: z
    .enum(["standard", "small"])
    .default("standard")
    .describe("small: a 3x3 first convolution and no max-pool, for tiny images"),
  width: z
    .int()
    .positive()
    .default(64)
    .describe("channels of the first stage; later stages have 2, 4 and 8 times as many"),
  dropout: fraction.describe("of the network, where it has it; null: the network's own"),
  stochasticDepth: fraction.describe("of the network's last block, where it has it; null: the network's own"),
  attentionDropout: fraction.describe("of a transformer; null: none"),
  imageSize: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe("side of the images, for networks that are built for one; taken from the data when omitted"),
  noDecayOnNorms: z.boolean().default(false).describe("exempt norms and biases from weight decay"),
  optimizer: partial("an optimizer (optimizer=sgd chooses one), such as torch.optim.SGD")
    .nullable()
    .default(null)
    .describe("with _partial_: true; learning_rate and weight_decay are taken where it gives none; null: AdamW"),
  scheduler: z
    .union([schedulerPartial, lrSchedulerConfigSchema])
    .nullable()
    .default(null)
    .describe("with _partial_: true; null: linear warm-up and cosine decay per epoch; lengths are filled in"),
  schedulerInterval: interval.nullable().default(null).describe("when it is stepped; null: as its documentation says"),
  schedulerFrequency: frequency.default(1).describe("it is stepped every so many epochs or steps"),
  schedulerMonitor: z.string().default("val/loss").describe("the metric that ReduceLROnPlateau watches"),
  loss: loss.nullable().default(null).describe("torch.nn.CrossEntropyLoss, timm.loss.*, or your own; null: loss_name"),
  layerDecay: z
    .number()
    .gt(0)
    .max(1)
    .nullable()
    .default(null)
    .describe("each stage learns at this fraction of the rate of the one after it; the head at learning_rate"),
  paramGroups: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe("options of the optimizer, such as lr, for a stage, the head, or a module by its path"),
  freeze: z
    .union([z.enum(["all", "features"]), z.int().min(0), z.array(z.string())])
    .nullable()
    .default(null)
    .describe(
      "stages that are not trained: their names, the number of the first ones, or all but the head; features: the head is trained on what the rest says of each image once, without augmentation, in seconds",
    ),
  unfreeze: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .describe("epochs after which one more frozen stage is trained, the last first; freezes all where freeze is null"),
});

export type ClassificationModelOptions = z.infer<typeof classificationModelOptionsSchema>;
export type ClassificationModelInput = z.input<typeof classificationModelOptionsSchema>;

/** Other names of the options, as public configurations have them. */
export const modelOptionAliases = {
  ...networkOptionAliases,
  criterion: { means: "loss" },
  loss_fn: { means: "loss" },
  lr_scheduler: { means: "scheduler" },
} as const;

/** The options as plain values: a partial by its target and what it was given. */
export function writtenOptions(options: ClassificationModelOptions): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, written(value)]));
}

function written(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(written);
  if (value instanceof nn.Module) return { _target_: value.constructor.name };
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, written(entry)]));
  }
  if (typeof value !== "function") return value;
  const { target = value.name, kwargs = {} } = value as PartialTarget;
  const given = Object.entries(kwargs).map(([key, argument]) => [key, written(argument)] as const);
  return { _target_: target, ...Object.fromEntries(given) };
}

/** The options that build the network again: of what trains it there is nothing in them. */
export function recipeOptions(options: ClassificationModelOptions): ClassificationModelOptions {
  const untrained = { optimizer: null, scheduler: null, loss: null, layerDecay: null, freeze: null, unfreeze: null };
  return { ...options, ...untrained, pretrained: false, weights: null, paramGroups: {} };
}
