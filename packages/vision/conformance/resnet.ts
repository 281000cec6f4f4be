import { autocast, manualSeed, nn, noGrad, optim, scope, type Tensor, tensor } from "@classifier-training/torch";
import type { CaseResult } from "../../image/conformance/section.ts";
import { createModel, listModels, replaceHead } from "../src/index.ts";
import { classes, dispose, type Floating, filled, input, nearest, shapeOf, summary } from "./resnet-model.ts";

type StateRow = readonly [name: string, shape: readonly number[], dtype: string];

interface Architecture {
  readonly num_classes: number;
  readonly params: number;
  readonly params_42: number;
  readonly buffers: number;
  readonly param_tensors: number;
  readonly state_dict_entries: number;
  readonly fc_in: number;
  readonly state_dict: readonly StateRow[];
}

interface Evaluation {
  readonly logits: readonly (readonly number[])[];
  readonly activations: Readonly<
    Record<
      string,
      {
        readonly shape: readonly number[];
        readonly mean: number;
        readonly std: number;
        readonly first: readonly number[];
      }
    >
  >;
}

interface TrainStep {
  readonly loss: number;
  readonly logits: readonly (readonly number[])[];
  readonly total_grad_norm: number;
  readonly grads: readonly (readonly [string, number, number, readonly number[]])[];
  readonly running_stats_after: readonly (readonly [string, number, readonly number[]])[];
  readonly params_after_clip1_adamw_step: readonly (readonly [string, number, readonly number[]])[];
  readonly losses_of_next_4_steps: readonly number[];
}

interface Recorded {
  readonly _meta: { readonly hash_check: Readonly<Record<string, number>> };
  readonly architectures?: Readonly<Record<string, Architecture>>;
  readonly runs?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly [other: string]: unknown;
}

/** Names, shapes and counts of the state dict; numbers of eval and training with weights from a hash; initialization. */
export function resnetCases(recorded: unknown): CaseResult[] {
  const golden = recorded as Recorded;
  const results: CaseResult[] = [];
  for (const [name, architecture] of Object.entries(golden.architectures ?? {})) {
    results.push(...architectureCases(name, architecture));
  }
  for (const [name, runs] of Object.entries(golden.runs ?? {})) {
    for (const [key, run] of Object.entries(runs)) {
      if (key === "float32" || key === "float64") results.push(...runCases(name, key, run as Record<string, unknown>));
      const bf16 = /^bf16_autocast_eval_logits_(.+)$/.exec(key);
      if (bf16 !== null) results.push(bf16Case(name, bf16[1] ?? "", run as number[][]));
    }
  }
  for (const [key, stats] of Object.entries(golden)) {
    const name = /^default_init_stats_(.+)$/.exec(key)?.[1];
    if (name !== undefined) results.push(...initializationCases(name, stats as InitRow[]));
  }
  return results;
}

function check(name: string, test: () => string | undefined): CaseResult {
  try {
    return { name, failure: test() };
  } catch (error) {
    return { name, failure: String(error) };
  }
}

function architectureCases(name: string, golden: Architecture): CaseResult[] {
  if (!listModels().includes(name)) return [{ name, failure: "no such model" }];
  const model = createModel(name, { numClasses: golden.num_classes });
  const numel = (tensors: Iterable<Tensor>) => [...tensors].reduce((sum, tensor) => sum + tensor.numel, 0);
  const rows = [...model.stateEntries()].map(([key, { shape, dtype }]): StateRow => [key, shape, dtype]);
  const results = [
    check(`${name} state dict`, () => {
      const at = golden.state_dict.findIndex((row, i) => JSON.stringify(row) !== JSON.stringify(rows[i]));
      if (at >= 0) return `entry ${at}: ${JSON.stringify(rows[at])}, recorded ${JSON.stringify(golden.state_dict[at])}`;
      return rows.length === golden.state_dict_entries ? undefined : `${rows.length} entries`;
    }),
    check(`${name} counts`, () => {
      const counts = [numel(model.parameters()), numel(model.buffers()), [...model.parameters()].length];
      const wanted = [golden.params, golden.buffers, golden.param_tensors];
      return String(counts) === String(wanted) ? undefined : `${counts}, recorded ${wanted}`;
    }),
    check(`${name} with ${classes} classes`, () => {
      const head = replaceHead(model, classes);
      if (head.inFeatures !== golden.fc_in) return `the head takes ${head.inFeatures} features`;
      const params = numel(model.parameters());
      return params === golden.params_42 ? undefined : `${params} parameters`;
    }),
  ];
  dispose(model);
  return results;
}

function runCases(name: string, dtype: Floating, run: Readonly<Record<string, unknown>>): CaseResult[] {
  const results: CaseResult[] = [];
  for (const [key, recorded] of Object.entries(run)) {
    const evaluated = /^eval_(.+)$/.exec(key);
    if (evaluated !== null)
      results.push(
        ...evaluationCases(`${name} ${dtype} ${key}`, name, dtype, evaluated[1] ?? "", recorded as Evaluation),
      );
    if (key === "train_step") results.push(...trainingCases(`${name} ${dtype}`, name, dtype, recorded as TrainStep));
  }
  return results;
}

function evaluationCases(label: string, name: string, dtype: Floating, size: string, golden: Evaluation): CaseResult[] {
  const model = filled(name, dtype).eval();
  const seen = new Map<string, Activation>();
  for (const [path, child] of model.namedChildren()) {
    if (path in golden.activations) {
      child.registerForwardHook((_, __, output) => {
        seen.set(path, describe(output as Tensor));
      });
    }
  }
  const logits = noGrad(() => scope(() => model.call(input(shapeOf(size), dtype)).tolist() as number[][]));
  dispose(model);
  const relative = dtype === "float64" ? 1e-9 : 1e-5;
  return [
    check(`${label} logits`, () =>
      nearest(logits.flat(), golden.logits.flat(), dtype === "float64" ? 1e-8 : 1e-4, 2e-6),
    ),
    ...Object.entries(golden.activations).map(([path, wanted]) =>
      check(`${label} ${path}`, () => {
        const got = seen.get(path);
        if (got === undefined || String(got.shape) !== String(wanted.shape)) return `shape ${got?.shape}`;
        const numbers = [wanted.mean, wanted.std, ...wanted.first];
        return nearest([got.mean, got.std, ...got.first], numbers, relative * Math.max(1, wanted.std), relative);
      }),
    ),
  ];
}

interface Activation {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly first: number[];
}

function describe(output: Tensor): Activation {
  return scope(() => ({
    shape: [...output.shape],
    mean: output.to({ dtype: "float64" }).mean().item(),
    std: output.to({ dtype: "float64" }).std().item(),
    first: output.reshape([-1]).narrow(0, 0, 4).tolist() as number[],
  }));
}

function trainingCases(label: string, name: string, dtype: Floating, golden: TrainStep): CaseResult[] {
  const model = filled(name, dtype).train();
  const batch = golden.logits.length;
  const images = input([batch, 3, 64, 64], dtype);
  const labels = tensor([0, 5, 17, 41].slice(0, batch), { dtype: "int64" });
  const optimizer = new optim.AdamW([...model.parameters()], { lr: 5e-4, weightDecay: 1e-4 });
  const step = (): { loss: number; logits: number[][] } => {
    optimizer.zeroGrad();
    return scope(() => {
      const output = model.call(images);
      const loss = nn.functional.crossEntropy(output, labels, { labelSmoothing: 0.1 });
      loss.backward();
      return { loss: loss.item(), logits: output.tolist() as number[][] };
    });
  };
  const first = step();
  const parameters = new Map<string, Tensor>(model.namedParameters());
  const gradients = new Map([...parameters].map(([key, { grad }]) => [key, summary(grad as Tensor, 3)] as const));
  const state = model.stateDict();
  const statistics = new Map(
    golden.running_stats_after.map(([key]) => [key, summary(state.get(key) as Tensor, 3)] as const),
  );
  const totalNorm = Math.sqrt([...gradients.values()].reduce((sum, { norm }) => sum + norm * norm, 0));
  nn.utils.clipGradNorm_([...model.parameters()], 1);
  optimizer.step();
  const stepped = new Map([...parameters].map(([key, value]) => [key, summary(value, 2)] as const));
  const losses: number[] = [];
  for (let i = 0; i < golden.losses_of_next_4_steps.length; i++) {
    losses.push(step().loss);
    nn.utils.clipGradNorm_([...model.parameters()], 1);
    optimizer.step();
  }
  optimizer.zeroGrad();
  dispose(model);
  const tight = dtype === "float64" ? 1e-8 : 1e-4;
  // Batch statistics of four images at 2x2 pixels, and Adam's first steps, which go by the signs of gradients: float32
  // noise triples from step to step, between two builds of PyTorch as here. float64 shows that the steps are the same.
  const loose = (i: number) => (dtype === "float64" ? 1e-6 : 5e-3 * 3 ** i);
  return [
    check(`${label} train loss`, () => nearest([first.loss], [golden.loss], tight, tight)),
    check(`${label} train logits`, () => nearest(first.logits.flat(), golden.logits.flat(), tight, tight)),
    check(`${label} gradient norm`, () => nearest([totalNorm], [golden.total_grad_norm], 0, tight)),
    ...golden.grads.map(([key, norm, sum, values]) =>
      check(`${label} gradient of ${key}`, () => {
        const got = gradients.get(key);
        return nearest(
          [got?.norm, got?.sum, ...(got?.first ?? [])],
          [norm, sum, ...values],
          tight * Math.max(norm, 1),
          tight,
        );
      }),
    ),
    ...golden.running_stats_after.map(([key, norm, values]) =>
      check(`${label} ${key}`, () => {
        const got = statistics.get(key);
        return nearest([got?.norm, ...(got?.first ?? [])], [norm, ...values], tight, tight);
      }),
    ),
    ...golden.params_after_clip1_adamw_step.map(([key, norm, values]) =>
      check(`${label} ${key} after a step`, () => {
        const got = stepped.get(key);
        // where a gradient is about zero, Adam's first step has the sign of noise: up to twice the rate apart
        return nearest([got?.norm, ...(got?.first ?? [])], [norm, ...values], dtype === "float64" ? 1e-7 : 1e-4, tight);
      }),
    ),
    check(`${label} losses of the next steps`, () => {
      const { losses_of_next_4_steps: wanted } = golden;
      return wanted.map((loss, i) => nearest([losses[i]], [loss], loose(i), loose(i))).find(Boolean);
    }),
  ];
}

function bf16Case(name: string, size: string, golden: readonly (readonly number[])[]): CaseResult {
  return check(`${name} bf16 autocast logits`, () => {
    const model = filled(name, "float32").eval();
    const images = input(shapeOf(size), "float32");
    const logits = noGrad(() =>
      scope(() => {
        const output = autocast({ device: "cpu", dtype: "bfloat16" }, () => model.call(images));
        return output.to({ dtype: "float32" }).tolist() as number[][];
      }),
    );
    dispose(model);
    // bfloat16 has 8 bits of mantissa, and kernels round in different places: compare at the scale of each row
    const scale = Math.max(...golden.flat().map(Math.abs));
    return nearest(logits.flat(), golden.flat(), 0.02 * scale, 0.02);
  });
}

type InitRow = readonly [name: string, mean: number, std: number, max: number];

function initializationCases(name: string, golden: readonly InitRow[]): CaseResult[] {
  manualSeed(42);
  const model = createModel(name, { numClasses: 1000 });
  const results = golden.map(([key, mean, std]) =>
    check(`${name} initial ${key}`, () => {
      const parameter = new Map<string, Tensor>(model.namedParameters()).get(key) as Tensor;
      const tolerance = 6 / Math.sqrt(parameter.numel);
      const got = scope(() => ({ mean: parameter.mean().item(), std: parameter.std().item() }));
      const failure = nearest([got.std], [std], 1e-9, Math.max(tolerance, 1e-3));
      return failure ?? nearest([got.mean], [mean], 2 * tolerance * std + 1e-9, 0);
    }),
  );
  dispose(model);
  return results;
}
