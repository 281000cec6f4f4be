import { plural } from "@classifier-training/base";
import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
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
  step(closure?: () => Tensor): Tensor | undefined {
    const loss = closure?.();
    scope(() =>
      noGrad(() => {
        for (const group of this.paramGroups) {
          const trained = group.params.flatMap((param) => {
            const { grad } = param;
            return grad === null ? [] : [{ param, grad }];
          });
          if (trained.length > 0) this.update(group, trained);
        }
      }),
    );
    return loss;
  }

  /** One step of one group's parameters, in place. Runs without autograd, in a scope of its own. */
  protected abstract update(group: Group, trained: readonly Trained[]): void;

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
