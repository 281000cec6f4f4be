import { CtError } from "@classifier-training/base";
import type { ScheduledOptimizer, Scheduler } from "../src/optim/lr-scheduler/index.ts";
import { schedulerTargets } from "../src/optim/lr-scheduler/targets.ts";
import type { ParamGroup } from "../src/optim/param-group.ts";
import { isCall, type PythonCall, type PythonValue, readKeywords, readPython } from "./python-call.ts";
import { compare, flatNumbers, recordedNumber, Section } from "./report.ts";

interface Recording {
  readonly args: string | { readonly kind: string; readonly lr?: number; readonly [option: string]: unknown };
  readonly lrs: readonly number[];
  readonly momentum?: readonly number[];
  readonly metrics?: readonly unknown[];
}

const defaultLr = 0.1;

/** Replays schedules: the rate in force before each step, and the momentum where a schedule moves it. */
export function checkSchedulers(recordings: Readonly<Record<string, unknown>>): Section {
  const section = new Section("schedulers.json");
  const schedules = (recordings["schedules"] ?? {}) as Readonly<Record<string, Recording>>;
  for (const [id, recording] of Object.entries(schedules)) section.case(id, () => replay(id, recording));
  const state = recordings["system_state_dict_after_7_steps"];
  if (state !== undefined) section.case("system_state_dict_after_7_steps", () => compareState(state, schedules));
  return section;
}

function replay(id: string, recording: Recording): string[] {
  const group = newGroup(recording);
  const scheduler = build(id, recording, group);
  const metrics = recording.metrics?.map(recordedNumber);
  const lrs: number[] = [];
  const momenta: number[] = [];
  for (let i = 0; i < recording.lrs.length; i++) {
    lrs.push(group.lr);
    momenta.push(group.betas?.[0] ?? group.momentum ?? Number.NaN);
    if (i + 1 < recording.lrs.length) metrics ? scheduler.step(metrics[i] as number) : scheduler.step();
  }
  const tolerance = { relative: 1e-6, absolute: 1e-15 };
  return [
    ...compare("lr", lrs, flatNumbers(recording.lrs), tolerance),
    ...(recording.momentum ? compare("momentum", momenta, flatNumbers(recording.momentum), tolerance) : []),
  ];
}

/** A class, since targets copy plain objects. */
class RecordedOptimizer implements ScheduledOptimizer {
  readonly paramGroups: ParamGroup[];
  constructor(group: ParamGroup) {
    this.paramGroups = [group];
  }
}

/** A group of SGD's, unless the text names a betas optimizer. */
function newGroup({ args }: Recording): ParamGroup {
  const text = typeof args === "string" ? args : args.kind;
  const lr = typeof args === "string" ? defaultLr : (args.lr ?? defaultLr);
  const momentum = Number(/\bmomentum\D{0,2}(\d*\.\d+)/.exec(text)?.[1] ?? 0.9);
  return { params: [], lr, ...(/adam|betas/i.test(text) ? { betas: [momentum, 0.999] } : { momentum }) };
}

function build(id: string, { args }: Recording, group: ParamGroup): Scheduler {
  const optimizer = new RecordedOptimizer(group);
  const text = typeof args === "string" ? args : pythonOf(args.kind);
  const names = typeof args === "string" ? {} : aliases(args);
  const { value, rest } = readPython(text, names);
  if (!isCall(value)) throw new CtError({ code: "conformance/args", what: `expected a call, received '${text}'` });
  const extra = readKeywords(rest);
  const base = extra["lr"];
  if (typeof base === "number") group.lr = base;
  const known = schedulerTargets[`torch.optim.lr_scheduler.${value.name}`]?.optionNames ?? [];
  const kwargs = Object.fromEntries(Object.entries(extra).filter(([key]) => known.includes(key)));
  // The recording of a plateau leaves the direction to the title of the case.
  if (value.name === "ReduceLROnPlateau" && /_max(_|$)/.test(id)) kwargs["mode"] ??= "max";
  return create(value, optimizer, kwargs);
}

/** `SequentialLR(LinearLR(...),CosineAnnealingLR(...)),milestones=[warm]`, as one recording abbreviates it. */
function pythonOf(kind: string): string {
  const parts = /^SequentialLR\((?!\[)(.*)\),milestones=(.*)$/.exec(kind);
  return parts ? `SequentialLR([${parts[1]}],milestones=${parts[2]})` : kind;
}

/** The recorded options, under the short names that its formula uses too (`warm` for `warmup_epochs`). */
function aliases(args: Readonly<Record<string, unknown>>): Record<string, number> {
  const numbers = Object.entries(args).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return Object.fromEntries(
    numbers.flatMap(([key, value]) => [[key, value] as const, [key.replace(/up_epochs$/, ""), value] as const]),
  );
}

function create(call: PythonCall, optimizer: ScheduledOptimizer, extra: Record<string, PythonValue> = {}): Scheduler {
  const target = schedulerTargets[`torch.optim.lr_scheduler.${call.name}`];
  if (!target) throw new CtError({ code: "conformance/args", what: `no scheduler named ${call.name}` });
  const resolve = (value: PythonValue): unknown => {
    if (Array.isArray(value)) return value.map(resolve);
    return typeof value === "object" && value !== null && isCall(value) ? create(value, optimizer) : value;
  };
  const positional = call.args.map(resolve);
  const dictionary = positional.at(-1) as { dict?: Record<string, PythonValue> } | undefined;
  const given = dictionary?.dict ? { ...dictionary.dict } : {};
  if (dictionary?.dict) positional.pop();
  const kwargs = { ...extra, ...given, ...call.kwargs };
  const resolved = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [key, resolve(value)]));
  const args = call.name === "ChainedScheduler" ? positional : [optimizer, ...positional];
  return target.invoke(args, resolved) as Scheduler;
}

/** The state after seven steps of the system's schedule (30 epochs, 5 of warm-up), in PyTorch's key names. */
function compareState(expected: unknown, schedules: Readonly<Record<string, Recording>>): string[] {
  const wanted = expected as { readonly last_epoch: number; readonly _milestones: readonly number[] };
  const found = Object.entries(schedules).find(([, { args }]) => {
    if (typeof args === "string") return false;
    return args["warmup_epochs"] === wanted._milestones[0] && args["max_epochs"] === 30;
  });
  const recording = found?.[1] ?? defaultSystem;
  const scheduler = build("system", recording, newGroup(recording));
  for (let i = 0; i < wanted.last_epoch; i++) scheduler.step();
  return compareTree("state", scheduler.stateDict(), expected);
}

const defaultSystem: Recording = {
  args: {
    kind: "SequentialLR(LinearLR(start_factor=1e-3,end_factor=1,total_iters=max(1,warm)),CosineAnnealingLR(T_max=max(1,max_epochs-warm),eta_min=0.05*lr)),milestones=[warm]",
    lr: 5e-4,
    max_epochs: 30,
    warmup_epochs: 5,
  },
  lrs: [],
};

/** Entries of PyTorch's state that are not part of ours: leftovers of its own bookkeeping. */
const bookkeeping = new Set(["verbose", "_get_lr_called_within_step"]);

function compareTree(path: string, actual: unknown, expected: unknown): string[] {
  if (typeof expected === "number") {
    return compare(path, [Number(actual)], [expected], { relative: 1e-6, absolute: 1e-15 });
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return [`${path} has another length`];
    return expected.flatMap((item, i) => compareTree(`${path}[${i}]`, actual[i], item));
  }
  const plain = (key: string) => key.replaceAll("_", "").toLowerCase();
  const ours = new Map(Object.entries(actual as object).map(([key, value]) => [plain(key), value]));
  return Object.entries(expected as object).flatMap(([key, item]) => {
    if (bookkeeping.has(key)) return [];
    const value = ours.get(plain(key));
    return value === undefined ? [`${path}.${key} is missing`] : compareTree(`${path}.${key}`, value, item);
  });
}
