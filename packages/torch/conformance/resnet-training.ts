import { type DType, nn, optim, scope, type Tensor, tensor } from "../src/index.ts";
import { compare, flatNumbers } from "./report.ts";
import { input, prepared } from "./resnet-weights.ts";

type Summary = readonly [name: string, ...numbers: unknown[]];

export interface TrainStep {
  readonly loss: number;
  readonly logits: unknown;
  readonly total_grad_norm: number;
  readonly grads: readonly Summary[];
  readonly running_stats_after: readonly Summary[];
  readonly params_after_clip1_adamw_step: readonly Summary[];
  readonly losses_of_next_4_steps: readonly number[];
}

/** Some numbers of a run, and by how much rounding may move them. */
interface Measured {
  readonly values: readonly number[];
  readonly scale: number;
}

const learningRate = 5e-4;

/**
 * A training step in train mode, its gradients, running statistics and stepped parameters, and the losses after it.
 * In float32, rounding grows with the depth (for ResNet-50 at 64 pixels gradients keep no digit in places), so there a
 * number may be off by as much as our own float32 differs from our own float64.
 */
export function compareTraining(name: string, dtype: DType, expected: TrainStep): string[] {
  const found = scope(() => train(name, dtype, expected));
  const precise = dtype === "float64" ? found : scope(() => train(name, "float64", expected));
  const wanted = numbersOf(expected);
  return [...wanted].flatMap(([what, values]) => {
    const actual = found.get(what);
    const exact = precise.get(what);
    if (!actual || !exact) return [`${what} is missing`];
    const noise = Math.max(...actual.values.map((value, i) => Math.abs(value - (exact.values[i] as number))));
    const [relative, fraction] = dtype === "float64" ? [1e-9, 1e-8] : [1e-4, 1e-3];
    const late = what === "next losses" ? (dtype === "float64" ? 1e-4 : 2e-2) : 0;
    // Adam's first step goes by the sign of the gradient, which is chance where rounding outweighs it.
    const gradient = found.get(what.replace("stepped", "gradient of"));
    const sign = what.startsWith("stepped") && dtype !== "float64" && gradient ? 2 * learningRate : 0;
    const absolute = fraction * actual.scale + 4 * noise + sign * (noise > 0.1 * learningRate ? 1 : 0) + 1e-10;
    return compare(what, actual.values, values, { relative: Math.max(relative, late), absolute });
  });
}

/** The recording's numbers under the names that `train` gives them. */
function numbersOf(expected: TrainStep): Map<string, number[]> {
  const named = (prefix: string, rows: readonly Summary[]) =>
    rows.map(([key, ...numbers]): [string, number[]] => [`${prefix}${key}`, flatNumbers(numbers)]);
  return new Map([
    ["loss", [expected.loss]],
    ["logits", flatNumbers(expected.logits)],
    ["gradient norm", [expected.total_grad_norm]],
    ...named("gradient of ", expected.grads),
    ...named("running ", expected.running_stats_after),
    ...named("stepped ", expected.params_after_clip1_adamw_step),
    ["next losses", [...expected.losses_of_next_4_steps]],
  ]);
}

function train(name: string, dtype: DType, expected: TrainStep): Map<string, Measured> {
  const model = prepared(name, dtype).train();
  const optimizer = new optim.AdamW(model.parameters(), { lr: learningRate, weightDecay: 1e-4 });
  const count = (expected.logits as readonly unknown[]).length;
  const x = input([count, 3, 64, 64], dtype);
  const y = tensor([0, 5, 17, 41].slice(0, count), { dtype: "int64" });
  const criterion = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });
  const found = new Map<string, Measured>();
  const pass = (): { readonly loss: number; readonly logits: number[] } => {
    optimizer.zeroGrad();
    const logits = model.call(x);
    const loss = criterion.call(logits, y);
    loss.backward();
    return { loss: loss.item(), logits: logits.toArray() };
  };
  const step = (): number => {
    const norm = nn.utils.clipGradNorm_(model.parameters(), 1);
    optimizer.step();
    return norm;
  };
  const first = pass();
  found.set("loss", { values: [first.loss], scale: 0 });
  found.set("logits", { values: first.logits, scale: 0.1 });
  for (const [key, { grad }] of model.namedParameters()) {
    if (grad) found.set(`gradient of ${key}`, summary(grad, { withSum: true, length: 3 }));
  }
  for (const [key, buffer] of model.namedBuffers()) {
    if (buffer.isFloatingPoint) found.set(`running ${key}`, summary(buffer, { withSum: false, length: 3 }));
  }
  const norm = step();
  found.set("gradient norm", { values: [norm], scale: 0 });
  for (const [key, parameter] of model.namedParameters()) {
    found.set(`stepped ${key}`, summary(parameter, { withSum: false, length: 2 }));
  }
  const losses = expected.losses_of_next_4_steps.map(() => {
    const { loss } = pass();
    step();
    return loss;
  });
  found.set("next losses", { values: losses, scale: 0 });
  return found;
}

/** A tensor's norm, its sum where the recording has it, and its first values. */
function summary(tensor_: Tensor, { withSum, length }: { withSum: boolean; length: number }): Measured {
  return scope(() => {
    const wide = tensor_.detach().to({ dtype: "float64" });
    const norm = wide.norm().item();
    const first = wide.flatten().narrow(0, 0, Math.min(length, wide.numel));
    const sum = withSum ? [wide.sum().item()] : [];
    return { values: [norm, ...sum, ...first.toArray()], scale: norm / Math.sqrt(wide.numel) };
  });
}
