import { CtError } from "@classifier-training/base";
import { nn, optim, scope, type Tensor, tensor } from "../src/index.ts";
import { fill } from "./fill.ts";
import { compare, flatNumbers, recordedNumber, Section } from "./report.ts";

interface Step {
  readonly loss: number;
  readonly total_norm_before_clip: number | null;
  readonly grads_used: unknown;
  readonly params: readonly number[];
}

type Make = (params: Tensor[]) => optim.Optimizer;

/** What the recordings' titles stand for: they do not carry the options. A title may end in `_float64`. */
const makers: Readonly<Record<string, Make>> = {
  adamw_system: (p) => new optim.AdamW(p, { lr: 5e-4, weightDecay: 1e-4 }),
  adamw_lr0_01_wd0_1: (p) => new optim.AdamW(p, { lr: 0.01, weightDecay: 0.1 }),
  adamw_default: (p) => new optim.AdamW(p),
  adamw_amsgrad: (p) => new optim.AdamW(p, { lr: 0.01, amsgrad: true }),
  adamw_betas_eps: (p) => new optim.AdamW(p, { lr: 0.01, betas: [0.8, 0.95], eps: 1e-3 }),
  adam_wd: (p) => new optim.Adam(p, { lr: 0.01, weightDecay: 0.1 }),
  adam: (p) => new optim.Adam(p, { lr: 0.01 }),
  sgd: (p) => new optim.SGD(p, { lr: 0.1 }),
  sgd_momentum: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
  sgd_nesterov_wd: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  sgd_dampening: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.5 }),
  rmsprop: (p) => new optim.RMSprop(p, { lr: 0.01 }),
  rmsprop_centered_mom: (p) => new optim.RMSprop(p, { lr: 0.01, centered: true, momentum: 0.9 }),
  adagrad: (p) => new optim.Adagrad(p, { lr: 0.1 }),
  nadam: (p) => new optim.NAdam(p, { lr: 0.01 }),
  radam: (p) => new optim.RAdam(p, { lr: 0.01 }),
  sgd_clip_norm: (p) => new optim.SGD(p, { lr: 0.1 }),
  sgd_clip_value: (p) => new optim.SGD(p, { lr: 0.1 }),
};

/** Ten steps of each optimizer on a small network: losses, norms, gradients, and all parameters after each step. */
export function checkOptimizers(recordings: unknown): Section {
  const section = new Section("numerics.json optimizers");
  const { runs } = recordings as { readonly runs: Readonly<Record<string, readonly Step[]>> };
  for (const [title, steps] of Object.entries(runs)) section.case(title, () => scope(() => replay(title, steps)));
  return section;
}

function replay(title: string, steps: readonly Step[]): string[] {
  const dtype = title.endsWith("_float64") ? "float64" : "float32";
  const [, name = "", clip, limit] = /^(.*?)(?:_clip_(norm|value)_([\d.]+).*)?(?:_float64)?$/.exec(title) ?? [];
  const make = makers[title] ?? makers[name];
  // Its gradients are recorded unclipped although their norm is above the limit of the title: there was a larger one.
  const maxNorm = title.endsWith("_not_exceeded") ? Number.POSITIVE_INFINITY : Number(limit);
  if (!make) throw new CtError({ code: "conformance/format", what: `the options of '${title}' are not known` });
  const parameters = ([[3, 4], [3], [2, 3], [2]] as const).map((shape, k) => {
    const parameter = fill(shape, k, 0.5, dtype);
    parameter.requiresGrad = true;
    return parameter;
  });
  const [w1, b1, w2, b2] = parameters as [Tensor, Tensor, Tensor, Tensor];
  const x = fill([8, 4], 7, 1, dtype);
  const y = tensor([0, 1, 0, 1, 1, 0, 1, 0], { dtype: "int64" });
  const { crossEntropy, linear, tanh } = nn.functional;
  const optimizer = make(parameters);
  const tolerance = dtype === "float64" ? { relative: 1e-9, absolute: 1e-12 } : { relative: 1e-5, absolute: 1e-7 };
  return steps.flatMap((expected, step) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(linear(tanh(linear(x, w1, b1)), w2, b2).mul(3), y);
    loss.backward();
    const norm = clip === "norm" ? nn.utils.clipGradNorm_(parameters, maxNorm) : null;
    if (clip === "value") nn.utils.clipGradValue_(parameters, Number(limit));
    const gradients = parameters.flatMap((parameter) => parameter.grad?.toArray() ?? []);
    optimizer.step();
    const at = (what: string) => `${what} of step ${step}`;
    const { total_norm_before_clip: expectedNorm, grads_used: used } = expected;
    return [
      ...compare(at("loss"), [loss.item()], [recordedNumber(expected.loss)], tolerance),
      ...(norm === null || expectedNorm === null ? [] : compare(at("norm"), [norm], [expectedNorm], tolerance)),
      ...(used === null ? [] : compare(at("gradient"), gradients, flatNumbers(used), tolerance)),
      ...compare(
        at("params"),
        parameters.flatMap((p) => p.toArray()),
        flatNumbers(expected.params),
        tolerance,
      ),
    ];
  });
}
