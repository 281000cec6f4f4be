import { didYouMean, plural } from "@classifier-training/base";
import type { z } from "zod";
import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { gradientNorm as norm } from "../nn/gradients.ts";
import { describeValue } from "../ops/dispatch.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { misspelt, optionError, parseOptions } from "./options.ts";
import type { ParamGroup } from "./param-group.ts";
import { type ParamState, type StateFields, savedOptions, savedParamState } from "./saved-state.ts";
import { plainState, stateError } from "./state.ts";

export type { ParamState, StateFields };

/** Parameters, or groups of them whose options differ from the optimizer's. */
export type Params = Iterable<Tensor> | Iterable<ParamGroupInput>;

export interface ParamGroupInput {
  readonly params: Iterable<Tensor>;
  readonly [option: string]: unknown;
}

/** A plain tree with tensors in it: parameters are numbered through the groups in order. */
export interface OptimizerState {
  readonly state: Record<string, ParamState>;
  readonly paramGroups: Record<string, unknown>[];
}

export interface StepOptions {
  /**
   * Clips as `nn.utils.clipGradNorm_` before the step, but in the same pass over memory: the factor is applied to the
   * gradients as they are read, and `grad` itself stays as it was. The norm is left in `lastGradNorm`.
   */
  readonly maxGradNorm?: number;
  /** A factor of all gradients, applied as they are read: one over the loss scale. */
  readonly gradScale?: number;
  /** Moving averages by parameter: `average = decay * average + (1 - decay) * parameter`, after the step. */
  readonly ema?: { readonly averages: ReadonlyMap<Tensor, Tensor>; readonly decay: number };
}

/** What a fused step does on the way: see `StepOptions`. */
export interface FusedPass {
  readonly gradScale: number;
  readonly ema: readonly Tensor[];
  readonly emaDecay: number;
}

/** A parameter with its gradient. */
export interface Trained {
  readonly param: Tensor;
  readonly grad: Tensor;
}

/**
 * The base of all optimizers: groups, state, and the frame of a step. A subclass computes one group's update.
 * The state belongs to the optimizer: no scope frees it.
 */
export abstract class Optimizer<Group extends ParamGroup = ParamGroup> {
  readonly paramGroups: Group[] = [];
  readonly defaults: Readonly<Omit<Group, "params">>;
  readonly state = new Map<Tensor, ParamState>();

  readonly #schema: z.ZodObject;

  /** @param schema of the options: theirs, and those of parameter groups */
  constructor(params: Params, schema: z.ZodObject, options: object) {
    this.#schema = schema;
    this.defaults = parseOptions(new.target.name, schema, options) as Omit<Group, "params">;
    const given = [...(params as Iterable<Tensor | ParamGroupInput>)];
    if (given.length === 0) throw optionError(new.target.name, "there are no parameters to optimize");
    const isGroup = (item: Tensor | ParamGroupInput): item is ParamGroupInput => !(item instanceof Tensor);
    if (given.every(isGroup)) for (const group of given) this.addParamGroup(group);
    else this.addParamGroup({ params: given as Tensor[] });
  }

  /**
   * Adds parameters, e.g. of layers that were frozen so far. Options not given are the optimizer's; names that are not
   * options (`name`, a scheduler's `maxLr`) are kept.
   * @throws CtError `torch/options` for a value that the optimizer does not take, or a misspelt option
   */
  addParamGroup(group: ParamGroupInput): void {
    const { params: given, ...options } = group;
    if (typeof (given as unknown as Iterable<Tensor> | undefined)?.[Symbol.iterator] !== "function") {
      throw optionError(this.constructor.name, "a parameter group needs params, a list of tensors");
    }
    const params = [...given];
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    for (const [i, param] of params.entries()) {
      if (!(param instanceof Tensor))
        throw optionError(this.constructor.name, `parameter ${i}: expected a tensor, received ${describeValue(param)}`);
      if (!param.isLeaf) {
        throw optionError(
          this.constructor.name,
          `parameter ${i} was computed from others: only leaves can be optimized`,
        );
      }
      if (taken.has(param))
        throw optionError(this.constructor.name, `parameter ${i} is in two groups, or twice in one`);
      taken.add(param);
    }
    const full = { ...this.#groupOptions(options), params } as unknown as Group;
    this.checkGroup(full);
    this.paramGroups.push(full);
  }

  /** The options of a group, checked as the optimizer's own are. */
  #groupOptions(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const name = this.constructor.name;
    const known = Object.keys(this.#schema.shape);
    const options: Record<string, unknown> = { ...this.defaults };
    const others: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined) continue;
      if (known.includes(key)) options[key] = value;
      else others[key] = value;
      const meant = known.includes(key) ? undefined : misspelt(key, known);
      if (meant !== undefined) {
        throw optionError(name, `unknown option '${key}' of a parameter group`, didYouMean(meant));
      }
    }
    return { ...others, ...parseOptions(`${name}, a parameter group`, this.#schema, options) };
  }

  /** What a schema cannot check alone. @throws CtError `torch/options` */
  protected checkGroup(_group: Group): void {}

  /**
   * Changes the parameters by their gradients; those without a gradient stay as they are.
   * @param closure computes the loss again (with gradients) before the step
   */
  step(closure?: (() => Tensor) | null, options: StepOptions = {}): Tensor | undefined {
    const loss = closure?.();
    scope(() => noGrad(() => this.#stepAll(options)));
    return loss;
  }

  /** The norm of all gradients (times `gradScale`) at the last step that was given a `maxGradNorm`. */
  lastGradNorm: number | undefined;

  #stepAll({ maxGradNorm, gradScale: given = 1, ema }: StepOptions): void {
    const groups = this.paramGroups.map((group) => ({
      group,
      trained: group.params.flatMap((param) => {
        const { grad } = param;
        return grad === null ? [] : [{ param, grad }];
      }),
    }));
    let gradScale = given;
    if (maxGradNorm !== undefined) {
      const gradients = groups.flatMap(({ trained }) => trained.map(({ grad }) => grad));
      this.lastGradNorm = gradients.length === 0 ? 0 : norm(gradients) * given;
      const factor = maxGradNorm / (this.lastGradNorm + 1e-6);
      // Not `factor < 1`: a NaN norm must propagate, as in PyTorch.
      if (!(factor >= 1)) gradScale *= factor;
    }
    for (const { group, trained } of groups) if (trained.length > 0) this.#stepGroup(group, trained, gradScale, ema);
  }

  #stepGroup(group: Group, trained: readonly Trained[], gradScale: number, ema: StepOptions["ema"]): void {
    const averages = trained.flatMap(({ param }) => ema?.averages.get(param) ?? []);
    if (this.fuses(group, trained)) {
      const isLaidOut =
        averages.length === trained.length && averages.every((average, i) => alike(average, trained[i]));
      this.updateFused(group, trained, { gradScale, ema: isLaidOut ? averages : [], emaDecay: ema?.decay ?? 0 });
      if (isLaidOut) return;
    } else {
      this.update(
        group,
        gradScale === 1 ? trained : trained.map(({ param, grad }) => ({ param, grad: grad.mul(gradScale) })),
      );
    }
    if (!ema) return;
    for (const { param } of trained) {
      ema.averages
        .get(param)
        ?.mul_(ema.decay)
        .add_(param, { alpha: 1 - ema.decay });
    }
  }

  /** One step of one group's parameters, in place. Runs without autograd, in its own scope. */
  protected abstract update(group: Group, trained: readonly Trained[]): void;

  /** Whether `updateFused` can take these. */
  protected fuses(_group: Group, _trained: readonly Trained[]): boolean {
    return false;
  }

  /** As `update`, in one pass over memory. */
  protected updateFused(group: Group, trained: readonly Trained[], _pass: FusedPass): void {
    this.update(group, trained);
  }

  /** A parameter's state, made at its first step; its tensors are kept. */
  protected stateOf<State extends ParamState>(param: Tensor, create: () => State): State {
    const known = this.state.get(param);
    if (known) return known as State;
    const fresh = create();
    for (const value of Object.values(fresh)) if (value instanceof Tensor) keep(value);
    this.state.set(param, fresh);
    return fresh;
  }

  zeroGrad({ setToNone = true }: { readonly setToNone?: boolean } = {}): void {
    for (const { params } of this.paramGroups) {
      for (const param of params) {
        if (setToNone) param.grad = null;
        else param.grad?.zero_();
      }
    }
  }

  /** State and options as a plain tree. Its tensors are the optimizer's own: save or clone them before the next step. */
  stateDict(): OptimizerState {
    const all = this.paramGroups.flatMap((group) => group.params);
    const index = new Map(all.map((param, i) => [param, i]));
    const state = Object.fromEntries(
      [...this.state].map(([param, values]) => [String(index.get(param)), { ...values }]),
    );
    const paramGroups = this.paramGroups.map(({ params, ...options }) => ({
      ...options,
      params: params.map((param) => index.get(param) as number),
    }));
    return { state, paramGroups };
  }

  /** What is remembered of each parameter of a group with these options. */
  protected abstract stateFields(group: Group): StateFields;

  /** Options that PyTorch's class has and this one does not: the values at which both do the same. */
  protected get impliedOptions(): Readonly<Record<string, unknown>> {
    return { maximize: false, amsgrad: false, decoupledWeightDecay: false };
  }

  /**
   * Takes the state of an optimizer of the same kind over the same parameters; tensors are copied. PyTorch's own state
   * (`param_groups`, `exp_avg`), as `loadPth` returns it, is understood too.
   * @throws CtError `torch/state` for that of another kind or other parameters, before anything changes
   */
  loadStateDict(saved: unknown): void {
    const name = this.constructor.name;
    const { state, paramGroups } = plainState(saved);
    const groups = (Array.isArray(paramGroups) ? paramGroups : []).map(plainState);
    const counts = groups.map((group) => (Array.isArray(group["params"]) ? group["params"].length : 0));
    const expected = this.paramGroups.map((group) => group.params.length);
    if (counts.length !== expected.length || counts.some((count, i) => count !== expected[i])) {
      throw new TorchError({
        code: "torch/state",
        what: `${name}: the state is of ${plural(counts.length, "parameter group")} with [${counts.join(", ")}] parameters, this optimizer has [${expected.join(", ")}]`,
        fix: "build model and optimizer as they were when the checkpoint was made",
      });
    }
    const options = groups.map(({ params: _, ...group }, i) =>
      savedOptions(`${name}, group ${i}`, this.defaults, group, this.impliedOptions),
    );
    const owners = new Map<string, { readonly param: Tensor; readonly fields: StateFields }>();
    for (const [i, group] of this.paramGroups.entries()) {
      const fields = this.stateFields({ ...group, ...options[i] });
      const ids = groups[i]?.["params"] as unknown[];
      for (const [at, param] of group.params.entries()) owners.set(String(ids[at]), { param, fields });
    }
    const loaded = scope(() =>
      Object.entries(plainState(state)).flatMap(([id, values]): [Tensor, ParamState][] => {
        const owner = owners.get(id);
        if (owner === undefined) throw stateError(name, `the state has a parameter ${id}, which is in no group`);
        const own = savedParamState(`${name}, parameter ${id}`, owner.param, owner.fields, plainState(values));
        return own === undefined ? [] : [[owner.param, own]];
      }),
    );
    for (const [i, group] of this.paramGroups.entries()) Object.assign(group, options[i]);
    this.state.clear();
    for (const [param, own] of loaded) {
      for (const value of Object.values(own)) if (value instanceof Tensor) keep(value);
      this.state.set(param, own);
    }
  }

  /** The class and its groups, as PyTorch prints them. */
  toString(): string {
    const groups = this.paramGroups.map(({ params: _, ...options }, i) => {
      const lines = Object.entries(options).map(([name, value]) => `    ${name}: ${String(value)}`);
      return [`Parameter Group ${i}`, ...lines].join("\n");
    });
    return `${this.constructor.name} (\n${groups.join("\n\n")}\n)`;
  }
}

function alike(average: Tensor, trained: Trained | undefined): boolean {
  if (average.dtype !== "float32" || average.device !== "cpu" || trained === undefined) return false;
  const { strides } = trained.param;
  return average.strides.every((stride, i) => stride === strides[i]);
}
