import { autocast, type DType, manualSeed, noGrad, scope, type Tensor } from "../src/index.ts";
import { compare, flatNumbers, Section, type Tolerance } from "./report.ts";
import { compareTraining, type TrainStep } from "./resnet-training.ts";
import { build, classes, input, prepared } from "./resnet-weights.ts";

interface Architecture {
  readonly num_classes: number;
  readonly params: number;
  readonly params_42?: number;
  readonly buffers: number;
  readonly state_dict: readonly (readonly [key: string, shape: readonly number[], dtype: string])[];
}

type Summary = readonly [name: string, ...numbers: unknown[]];

interface Evaluation {
  readonly logits: unknown;
  readonly activations: Readonly<Record<string, { shape: number[]; mean: number; std: number; first: number[] }>>;
}

/** Names, shapes and counts of the ResNets; logits, activations, gradients and steps for weights made by a formula. */
export function checkResnets(recordings: Readonly<Record<string, unknown>>): Section[] {
  const shapes = new Section("resnet.json architectures");
  const architectures = (recordings["architectures"] ?? {}) as Readonly<Record<string, Architecture>>;
  for (const [name, expected] of Object.entries(architectures)) {
    shapes.case(name, () => scope(() => compareArchitecture(name, expected)));
  }
  const init = recordings["default_init_stats_resnet18"] as readonly Summary[] | undefined;
  if (init) shapes.case("default initialization of resnet18", () => scope(() => compareInit("resnet18", init)));
  const numbers = new Section("resnet.json runs");
  const runs = (recordings["runs"] ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  for (const [name, parts] of Object.entries(runs)) {
    for (const [part, expected] of Object.entries(parts)) checkRun(numbers, name, part, expected);
  }
  return [shapes, numbers];
}

function compareArchitecture(name: string, expected: Architecture): string[] {
  const model = build(name, expected.num_classes);
  const state = [...model.stateDict()].map(([key, { shape, dtype }]) => JSON.stringify([key, shape, dtype]));
  const complaints = expected.state_dict.flatMap((entry, i) =>
    state[i] === JSON.stringify(entry) ? [] : [`state ${i} is ${state[i]}, expected ${JSON.stringify(entry)}`],
  );
  if (state.length !== expected.state_dict.length) complaints.push(`${state.length} entries in the state`);
  const count = (tensors: Iterable<Tensor>) => [...tensors].reduce((sum, { numel }) => sum + numel, 0);
  const fc42 = (model.fc.inFeatures + 1) * (classes - expected.num_classes);
  const exact = { relative: 0, absolute: 0 };
  return [
    ...complaints,
    ...compare("parameters", [count(model.parameters())], [expected.params], exact),
    ...compare("buffers", [count(model.buffers())], [expected.buffers], exact),
    ...compare("parameters for 42", [count(model.parameters()) + fc42], [expected.params_42 ?? Number.NaN], exact),
  ];
}

/** Means within six standard errors, and deviations within 10%: both are random, and ours are the same in each run. */
function compareInit(name: string, expected: readonly Summary[]): string[] {
  manualSeed(0);
  const parameters = new Map(build(name, 1000).namedParameters());
  return expected.flatMap(([key, , deviation]) => {
    const parameter = parameters.get(key);
    if (!parameter) return [`${key} is missing`];
    const std = parameter.numel > 1 ? parameter.std().item() : 0;
    const error = Math.abs(parameter.mean().item() - (deviation === 0 ? (key.endsWith("weight") ? 1 : 0) : 0));
    return [
      ...compare(`std of ${key}`, [std], [Number(deviation)], { relative: 0.1, absolute: 1e-12 }),
      ...(error <= (6 * Number(deviation)) / Math.sqrt(parameter.numel) ? [] : [`mean of ${key} is off by ${error}`]),
    ];
  });
}

function sizesIn(title: string): number[] {
  return (/(\d+(?:x\d+)+)/.exec(title)?.[1] ?? "").split("x").map(Number);
}

function checkRun(section: Section, name: string, part: string, expected: unknown): void {
  if (part.startsWith("bf16_autocast_eval")) {
    section.case(`${name} ${part}`, () => scope(() => compareAutocast(name, part, expected)));
    return;
  }
  for (const [title, recording] of Object.entries(expected as Readonly<Record<string, unknown>>)) {
    const dtype = part as DType;
    section.case(`${name} ${dtype} ${title}`, () =>
      scope(() =>
        title.startsWith("eval")
          ? compareEvaluation(name, dtype, title, recording as Evaluation)
          : compareTraining(name, dtype, recording as TrainStep),
      ),
    );
  }
}

const logitTolerance = (dtype: DType): Tolerance =>
  dtype === "float64" ? { relative: 1e-9, absolute: 1e-9 } : { relative: 1e-5, absolute: 1e-4 };

function compareEvaluation(name: string, dtype: DType, title: string, { logits, activations }: Evaluation): string[] {
  const model = prepared(name, dtype).eval();
  const tolerance = logitTolerance(dtype);
  const complaints: string[] = [];
  for (const [layer, expected] of Object.entries(activations)) {
    const module = [...model.namedChildren()].find(([key]) => key === layer)?.[1];
    module?.registerForwardHook((_, _inputs, output) => {
      const values = output as Tensor;
      const first = values.flatten().narrow(0, 0, expected.first.length).toArray();
      complaints.push(
        ...compare(`${layer} shape`, values.shape, expected.shape, { relative: 0, absolute: 0 }),
        ...compare(`${layer} mean`, [values.mean().item()], [expected.mean], tolerance),
        ...compare(`${layer} std`, [values.std().item()], [expected.std], tolerance),
        ...compare(`${layer} values`, first, expected.first, tolerance),
      );
    });
  }
  const output = noGrad(() => model.call(input(sizesIn(title), dtype)));
  return [...compare("logits", output.toArray(), flatNumbers(logits), tolerance), ...complaints];
}

/** bfloat16 has three digits, and sums differ in order: near enough is 3% of the largest logit. */
function compareAutocast(name: string, title: string, expected: unknown): string[] {
  const model = prepared(name, "float32").eval();
  const images = input(sizesIn(title), "float32");
  const logits = noGrad(() => autocast({ device: "cpu", dtype: "bfloat16" }, () => model.call(images)));
  const wanted = flatNumbers(expected);
  const largest = Math.max(...wanted.map(Math.abs));
  return compare("logits", logits.toArray(), wanted, { relative: 0, absolute: 0.03 * largest });
}
