import {
  type ForeignOption,
  optionsTarget,
  refusedTarget,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { z } from "zod";
import { Adadelta, adadeltaOptionsSchema } from "./adadelta.ts";
import { Adagrad, adagradOptionsSchema } from "./adagrad.ts";
import { Adam, AdamW, adamOptionsSchema, adamWOptionsSchema } from "./adam.ts";
import { NAdam, nAdamOptionsSchema, RAdam, rAdamOptionsSchema } from "./adam-variants.ts";
import { Adamax, adamaxOptionsSchema } from "./adamax.ts";
import { ASGD, asgdOptionsSchema } from "./asgd.ts";
import { LAMB, lambOptionsSchema } from "./lamb.ts";
import { Lion, lionOptionsSchema } from "./lion.ts";
import type { Params } from "./optimizer.ts";
import { RMSprop, rmsPropOptionsSchema } from "./rmsprop.ts";
import { Rprop, rpropOptionsSchema } from "./rprop.ts";
import { SGD, sgdOptionsSchema } from "./sgd.ts";

const params = z.custom<Params>(
  (value) => typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === "function",
  "expected parameters (write _partial_: true where they are given later)",
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
  "torch.optim.SGD": optimizerTarget(sgdOptionsSchema, SGD),
  "torch.optim.Adam": withForeignOptions(optimizerTarget(adamOptionsSchema, Adam), {
    decoupled_weight_decay: { accepts: isOff, fix: "use torch.optim.AdamW" },
  }),
  "torch.optim.AdamW": optimizerTarget(adamWOptionsSchema, AdamW),
  "torch.optim.NAdam": optimizerTarget(nAdamOptionsSchema, NAdam),
  "torch.optim.RAdam": optimizerTarget(rAdamOptionsSchema, RAdam),
  "torch.optim.RMSprop": optimizerTarget(rmsPropOptionsSchema, RMSprop),
  "torch.optim.Adagrad": optimizerTarget(adagradOptionsSchema, Adagrad),
  "torch.optim.Adadelta": optimizerTarget(adadeltaOptionsSchema, Adadelta),
  "torch.optim.Adamax": optimizerTarget(adamaxOptionsSchema, Adamax),
  "torch.optim.ASGD": optimizerTarget(asgdOptionsSchema, ASGD),
  "torch.optim.Rprop": optimizerTarget(rpropOptionsSchema, Rprop),
  "torch.optim.LBFGS": notHere("LBFGS", "it evaluates the loss many times a step", "use torch.optim.AdamW"),
  "torch.optim.SparseAdam": notHere("SparseAdam", "there are no sparse gradients", "use torch.optim.Adam"),
  "torch.optim.Adafactor": notHere(
    "Adafactor",
    "it saves memory that image classifiers do not need",
    "use torch.optim.AdamW",
  ),
  "torch.optim.Muon": notHere("Muon", "it takes weight matrices only", "use torch.optim.AdamW"),
  "timm.optim.Lamb": optimizerTarget(lambOptionsSchema, LAMB),
  "timm.optim.Lion": optimizerTarget(lionOptionsSchema, Lion),
  "lion_pytorch.Lion": optimizerTarget(lionOptionsSchema, Lion),
};
