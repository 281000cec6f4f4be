import { z } from "zod";

/** Options of every classification model: the names and defaults of the original's models. */
export const classificationModelOptions = z.strictObject({
  numClasses: z.int().min(2).nullable().default(null).describe("number of classes; taken from the data when omitted"),
  pretrained: z.boolean().default(true).describe("start from published ImageNet weights"),
  learningRate: z.number().positive().default(1e-4),
  weightDecay: z.number().min(0).default(1e-4),
  warmupEpochs: z.int().min(0).default(5).describe("epochs of linear warm-up before the cosine decay"),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  warmupStartFactor: z
    .number()
    .gt(0)
    .max(1)
    .default(1e-3)
    .describe("share of the learning rate at which warm-up starts"),
  cosineEtaMinFactor: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe("share of the learning rate at which the decay ends"),
  lossName: z.enum(["cross_entropy", "focal"]).default("cross_entropy"),
  focalGamma: z.number().min(0).default(2),
  stem: z
    .enum(["standard", "small"])
    .default("standard")
    .describe("small: a 3x3 first convolution and no max-pool, for tiny pictures"),
  width: z
    .int()
    .positive()
    .default(64)
    .describe("channels of the first stage; later stages have 2, 4 and 8 times as many"),
  noDecayOnNorms: z.boolean().default(false).describe("exempt norms and biases from weight decay"),
});

export type ClassificationModelOptions = z.infer<typeof classificationModelOptions>;
export type ClassificationModelInput = z.input<typeof classificationModelOptions>;
