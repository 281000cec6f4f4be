import { plural } from "@classifier-training/base";
import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { gradientNorm as norm } from "../nn/gradients.ts";
import { keep, scope } from "../scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { optionError } from "./options.ts";
import type { ParamGroup } from "./param-group.ts";
import { plainState } from "./state.ts";

/** Parameters, or groups of them whose options differ from the optimizer's. */
export type Params = Iterable<Tensor> | Iterable<ParamGroupInput>;

export interface ParamGroupInput {
  readonly params: Iterable<Tensor>;
  readonly [option: string]: unknown;
}

/** What an optimizer remembers of one parameter: tensors and counts. */
export type ParamState = Record<string, Tensor | number>;

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

  constructor(params: Params, defaults: Omit<Group, "params">) {
    this.defaults = defaults;
    const given = [...(params as Iterable<Tensor | ParamGroupInput>)];
    if (given.length === 0) throw optionError(new.target.name, "there are no parameters to optimize");
    const isGroup = (item: Tensor | ParamGroupInput): item is ParamGroupInput => !(item instanceof Tensor);
    if (given.every(isGroup)) for (const group of given) this.addParamGroup(group);
    else this.addParamGroup({ params: given as Tensor[] });
  }

  /** Adds parameters, e.g. of layers that were frozen so far. Options not given are the optimizer's. */
  addParamGroup(group: ParamGroupInput): void {
    const params = [...group.params];
    const taken = new Set(this.paramGroups.flatMap((other) => other.params));
    for (const [i, param] of params.entries()) {
      if (!(param instanceof Tensor)) throw optionError(this.constructor.name, `parameter ${i} is no tensor`);
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
    this.paramGroups.push({ ...this.defaults, ...group, params } as unknown as Group);
  }

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
      // Not `factor < 1`: a norm that is no number must spread, as in PyTorch.
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

  /** One step of one group's parameters, in place. Runs without autograd, in a scope of its own. */
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

  /**
   * Takes the state of an optimizer of the same kind over the same parameters; tensors are copied. PyTorch's own state
   * (`param_groups`, `exp_avg`), as `loadPth` returns it, is understood too.
   */
  loadStateDict(saved: unknown): void {
    const { state, paramGroups } = plainState(saved);
    const groups = (Array.isArray(paramGroups) ? paramGroups : []).map(plainState);
    const counts = groups.map((group) => (Array.isArray(group["params"]) ? group["params"].length : 0));
    const expected = this.paramGroups.map((group) => group.params.length);
    if (counts.length !== expected.length || counts.some((count, i) => count !== expected[i])) {
      throw new TorchError({
        code: "torch/state",
        what: `${this.constructor.name}: the state is of ${plural(counts.length, "parameter group")} with [${counts.join(", ")}] parameters, this optimizer has [${expected.join(", ")}]`,
        fix: "build model and optimizer as they were when the checkpoint was made",
      });
    }
    const ids = groups.flatMap((group) => group["params"] as unknown[]);
    const params = this.paramGroups.flatMap((group) => group.params);
    const paramOf = new Map(ids.map((id, i) => [String(id), params[i] as Tensor]));
    for (const [i, { params: _, ...options }] of groups.entries()) Object.assign(this.paramGroups[i] as Group, options);
    this.state.clear();
    for (const [id, values] of Object.entries(plainState(state))) {
      const param = paramOf.get(id);
      if (param) this.state.set(param, this.#ownState(param, plainState(values)));
    }
  }

  #ownState(param: Tensor, values: Record<string, unknown>): ParamState {
    return scope(() => {
      const own = Object.entries(values).flatMap(([key, value]): [string, Tensor | number][] => {
        if (typeof value === "number") return [[key, value]];
        if (!(value instanceof Tensor)) return [];
        // PyTorch keeps the count of steps in a tensor.
        if (key === "step") return [[key, value.item()]];
        const { device } = param;
        const dtype = value.isFloatingPoint ? param.dtype : value.dtype;
        return [[key, keep(value.detach().to({ device, dtype, copy: true }))]];
      });
      return Object.fromEntries(own);
    });
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
