import {
  CtError,
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
import { Adan, adanOptionsSchema } from "./adan.ts";
import { ASGD, asgdOptionsSchema } from "./asgd.ts";
import { LAMB, lambOptionsSchema } from "./lamb.ts";
import { Lion, lionOptionsSchema } from "./lion.ts";
import type { Params } from "./optimizer.ts";
import { RMSprop, rmsPropOptionsSchema } from "./rmsprop.ts";
import { RMSpropTF, rmsPropTfOptionsSchema } from "./rmsprop-tf.ts";
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

const torchTargets = {
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
} as const;

/** What timm's optimizers have beside the published rule, at the values that switch it off. */
const timmOptions: Readonly<Record<string, ForeignOption>> = {
  caution: { accepts: isOff, fix: "leave out caution: masked steps are not built in" },
  corrected_weight_decay: { accepts: isOff, fix: "leave out corrected_weight_decay" },
};
const timmLambOptions: Readonly<Record<string, ForeignOption>> = {
  ...timmOptions,
  bias_correction: { accepts: (value) => value === true, fix: "leave out bias_correction" },
  grad_averaging: { accepts: (value) => value === true, fix: "leave out grad_averaging" },
  trust_clip: { accepts: isOff, fix: "leave out trust_clip" },
  decoupled_decay: { accepts: isOff, fix: "leave out decoupled_decay" },
  max_grad_norm: { accepts: isOff, fix: (value) => `set trainer.gradient_clip_val=${String(value)} instead` },
};
const lion = withForeignOptions(optimizerTarget(lionOptionsSchema, Lion), timmOptions);

/** The classes of PyTorch that timm has under its own name, too. */
const timmNamesakes = ["Adadelta", "Adagrad", "Adamax", "Adam", "AdamW", "RMSprop", "SGD", "NAdam", "RAdam"] as const;

/** Those of `timm.optim` that are not here, and which is nearest. */
const timmElsewhere: Readonly<Record<string, string>> = {
  ...{ AdaBelief: "timm.optim.AdamW", Adafactor: "timm.optim.AdamW", AdafactorBigVision: "timm.optim.AdamW" },
  ...{ Adahessian: "timm.optim.AdamW", AdamP: "timm.optim.AdamW", AdamWLegacy: "timm.optim.AdamW" },
  ...{ Adopt: "timm.optim.AdamW", Kron: "timm.optim.Lamb", LaProp: "timm.optim.AdamW", Lars: "timm.optim.Lamb" },
  ...{ Lookahead: "timm.optim.RAdam", MADGRAD: "timm.optim.SGD", Mars: "timm.optim.AdamW", Muon: "timm.optim.AdamW" },
  ...{ NAdamLegacy: "timm.optim.NAdam", NAdamW: "timm.optim.NAdam, with decoupled_weight_decay: true" },
  ...{ NvNovoGrad: "timm.optim.Lamb", RAdamLegacy: "timm.optim.RAdam", SGDP: "timm.optim.SGD", SGDW: "timm.optim.SGD" },
};

const timmTargets: TargetTable = {
  ...Object.fromEntries(timmNamesakes.map((name) => [`timm.optim.${name}`, torchTargets[`torch.optim.${name}`]])),
  "timm.optim.Lamb": withForeignOptions(optimizerTarget(lambOptionsSchema, LAMB), timmLambOptions),
  "timm.optim.Lion": lion,
  "timm.optim.Adan": withForeignOptions(optimizerTarget(adanOptionsSchema, Adan), timmOptions),
  "timm.optim.RMSpropTF": withForeignOptions(optimizerTarget(rmsPropTfOptionsSchema, RMSpropTF), timmOptions),
  ...Object.fromEntries(
    Object.entries(timmElsewhere).map(([name, nearest]) => [
      `timm.optim.${name}`,
      refusedTarget(`timm.optim.${name} is not built in`, `use ${nearest}`),
    ]),
  ),
};

/** Names that `timm.optim.create_optimizer_v2` takes as `opt`. */
const timmNames: Readonly<Record<string, readonly [target: string, defaults?: Readonly<Record<string, unknown>>]>> = {
  sgd: ["torch.optim.SGD", { momentum: 0.9, nesterov: true }],
  momentum: ["torch.optim.SGD", { momentum: 0.9 }],
  ...{ adam: ["torch.optim.Adam"], adamw: ["torch.optim.AdamW"], nadam: ["torch.optim.NAdam"] },
  ...{ radam: ["torch.optim.RAdam"], radamw: ["torch.optim.RAdam", { decoupled_weight_decay: true }] },
  ...{ adamax: ["torch.optim.Adamax"], adagrad: ["torch.optim.Adagrad"], adadelta: ["torch.optim.Adadelta"] },
  ...{ rmsprop: ["torch.optim.RMSprop", { momentum: 0.9 }], rmsproptf: ["timm.optim.RMSpropTF", { momentum: 0.9 }] },
  ...{ lamb: ["timm.optim.Lamb"], lion: ["timm.optim.Lion"], adan: ["timm.optim.Adan"] },
};

/** timm's factory of optimizers: `opt` and the options of that one; without momentum, SGD's is 0.9 as there. */
const createOptimizer: Target = withForeignOptions(
  {
    invoke(args, kwargs) {
      const { opt = "sgd", ...given } = kwargs;
      const [name, defaults = {}] = timmNames[String(opt).toLowerCase()] ?? [];
      const target = name === undefined ? undefined : { ...torchTargets, ...timmTargets }[name];
      if (target === undefined) {
        const fix = `choose one of ${Object.keys(timmNames).join(", ")}`;
        throw new CtError({ code: "torch/options", what: `unknown optimizer '${String(opt)}'`, fix });
      }
      // It passes on what the class takes: weight decay, say, is not for all.
      const takes = (option: string) => option === "params" || target.optionNames?.includes(option);
      const common = Object.entries(given).filter(([option]) => option !== "momentum" || takes(option));
      return target.invoke(args, { ...defaults, ...Object.fromEntries(common) });
    },
  },
  {
    model_or_params: { means: "params" },
    layer_decay: { accepts: isOff, fix: "set model.layer_decay" },
    filter_bias_and_bn: { accepts: isOff, fix: "set model.no_decay_on_norms=true, and leave filter_bias_and_bn out" },
    foreach: {},
  },
);

/** `torch.optim.*` as a configuration names them; others by the packages that Python users have them from. */
export const optimizerTargets: TargetTable = {
  ...torchTargets,
  "torch.optim.LBFGS": notHere("LBFGS", "it evaluates the loss many times a step", "use torch.optim.AdamW"),
  "torch.optim.SparseAdam": notHere("SparseAdam", "there are no sparse gradients", "use torch.optim.Adam"),
  "torch.optim.Adafactor": notHere(
    "Adafactor",
    "it saves memory that image classifiers do not need",
    "use torch.optim.AdamW",
  ),
  "torch.optim.Muon": notHere("Muon", "it takes weight matrices only", "use torch.optim.AdamW"),
  ...timmTargets,
  "timm.optim.create_optimizer_v2": createOptimizer,
  "lion_pytorch.Lion": lion,
};
