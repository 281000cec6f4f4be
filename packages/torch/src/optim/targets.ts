import { optionsTarget, type Target, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
import { Adagrad, adagradSchema } from "./adagrad.ts";
import { Adam, AdamW, adamSchema, adamWSchema } from "./adam.ts";
import { NAdam, nAdamSchema, RAdam, rAdamSchema } from "./adam-variants.ts";
import { LAMB, lambSchema } from "./lamb.ts";
import { Lion, lionSchema } from "./lion.ts";
import type { Params } from "./optimizer.ts";
import { RMSprop, rmsPropSchema } from "./rmsprop.ts";
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
  return optionsTarget(z.strictObject({ params, ...schema.shape }), (given) => {
    const { params: first, ...options } = given as { params: Params };
    return new make(first, options as z.input<Schema>);
  });
}

/** `torch.optim.*` as a configuration names them; LAMB and Lion by the packages that Python users have them from. */
export const optimizerTargets: TargetTable = {
  "torch.optim.SGD": optimizerTarget(sgdSchema, SGD),
  "torch.optim.Adam": optimizerTarget(adamSchema, Adam),
  "torch.optim.AdamW": optimizerTarget(adamWSchema, AdamW),
  "torch.optim.NAdam": optimizerTarget(nAdamSchema, NAdam),
  "torch.optim.RAdam": optimizerTarget(rAdamSchema, RAdam),
  "torch.optim.RMSprop": optimizerTarget(rmsPropSchema, RMSprop),
  "torch.optim.Adagrad": optimizerTarget(adagradSchema, Adagrad),
  "timm.optim.Lamb": optimizerTarget(lambSchema, LAMB),
  "timm.optim.Lion": optimizerTarget(lionSchema, Lion),
  "lion_pytorch.Lion": optimizerTarget(lionSchema, Lion),
};
