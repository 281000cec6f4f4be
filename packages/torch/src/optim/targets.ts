import {
  type ForeignOption,
  optionsTarget,
  refusedTarget,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { z } from "zod";
import { Adadelta, adadeltaSchema } from "./adadelta.ts";
import { Adagrad, adagradSchema } from "./adagrad.ts";
import { Adam, AdamW, adamSchema, adamWSchema } from "./adam.ts";
import { NAdam, nAdamSchema, RAdam, rAdamSchema } from "./adam-variants.ts";
import { Adamax, adamaxSchema } from "./adamax.ts";
import { ASGD, asgdSchema } from "./asgd.ts";
import { LAMB, lambSchema } from "./lamb.ts";
import { Lion, lionSchema } from "./lion.ts";
import type { Params } from "./optimizer.ts";
import { RMSprop, rmsPropSchema } from "./rmsprop.ts";
import { Rprop, rpropSchema } from "./rprop.ts";
import { SGD, sgdSchema } from "./sgd.ts";

const params = z.custom<Params>(
  (value) => typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === "function",
  "parameters are expected (write _partial_: true where they are given later)",
);

/** An optimizer's target: `params` first, then the options of its schema. */
function optimizerTarget<Schema extends z.ZodObject>(
  schema: Schema,
  make: new (params: Params, options: z.input<Schema>) => unknown,
): Target {
  const target = optionsTarget(z.strictObject({ params, ...schema.shape }), (given) => {
    const { params: first, ...options } = given as { params: Params };
    return new make(first, options as z.input<Schema>);
  });
  const foreign = Object.entries(pytorchOptions).filter(([name]) => !target.optionNames?.includes(name));
  return withForeignOptions(target, Object.fromEntries(foreign));
}

/** How PyTorch computes a step, which changes nothing of its result. */
const isOff = (value: unknown) => value === false || value === null;
const pytorchOptions: Readonly<Record<string, ForeignOption>> = {
  foreach: {},
  fused: {},
  capturable: {},
  differentiable: { accepts: isOff, fix: "leave out differentiable: a step cannot be differentiated" },
  maximize: { accepts: isOff, fix: "negate the loss" },
};

const notHere = (name: string, why: string, instead: string): Target =>
  refusedTarget(`${name} is not built in: ${why}`, instead);

/** `torch.optim.*` as a configuration names them; LAMB and Lion by the packages that Python users have them from. */
export const optimizerTargets: TargetTable = {
  "torch.optim.SGD": optimizerTarget(sgdSchema, SGD),
  "torch.optim.Adam": withForeignOptions(optimizerTarget(adamSchema, Adam), {
    decoupled_weight_decay: { accepts: isOff, fix: "use torch.optim.AdamW" },
  }),
  "torch.optim.AdamW": optimizerTarget(adamWSchema, AdamW),
  "torch.optim.NAdam": optimizerTarget(nAdamSchema, NAdam),
  "torch.optim.RAdam": optimizerTarget(rAdamSchema, RAdam),
  "torch.optim.RMSprop": optimizerTarget(rmsPropSchema, RMSprop),
  "torch.optim.Adagrad": optimizerTarget(adagradSchema, Adagrad),
  "torch.optim.Adadelta": optimizerTarget(adadeltaSchema, Adadelta),
  "torch.optim.Adamax": optimizerTarget(adamaxSchema, Adamax),
  "torch.optim.ASGD": optimizerTarget(asgdSchema, ASGD),
  "torch.optim.Rprop": optimizerTarget(rpropSchema, Rprop),
  "torch.optim.LBFGS": notHere("LBFGS", "it evaluates the loss many times a step", "use torch.optim.AdamW"),
  "torch.optim.SparseAdam": notHere("SparseAdam", "there are no sparse gradients", "use torch.optim.Adam"),
  "torch.optim.Adafactor": notHere(
    "Adafactor",
    "it saves memory that image classifiers do not need",
    "use torch.optim.AdamW",
  ),
  "torch.optim.Muon": notHere("Muon", "it takes weight matrices only", "use torch.optim.AdamW"),
  "timm.optim.Lamb": optimizerTarget(lambSchema, LAMB),
  "timm.optim.Lion": optimizerTarget(lionSchema, Lion),
  "lion_pytorch.Lion": optimizerTarget(lionSchema, Lion),
};
