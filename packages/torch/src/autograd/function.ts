import { TorchError } from "../errors.ts";
import type { Handle } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { scope } from "../scope.ts";
import { zeros } from "../tensor/create.ts";
import type { TensorOptions } from "../tensor/nested.ts";
import { Tensor, wrapOptional } from "../tensor/tensor.ts";
import { noGrad } from "./modes.ts";

/** What forward leaves for backward. Plain values are kept in `values`, tensors by `saveForBackward`. */
export class FunctionContext {
  #toSave: readonly (Tensor | null)[] = [];
  #saved: readonly (Tensor | null)[] = [];
  #nonDifferentiable = new Set<Tensor>();
  /** Which tensor inputs need a gradient, in the order of the tensors among forward's arguments. */
  readonly needsInputGrad: readonly boolean[];
  /** Anything else that backward needs. */
  readonly values: Record<string, unknown> = {};

  constructor(needsInputGrad: readonly boolean[]) {
    this.needsInputGrad = needsInputGrad;
  }

  /** Saves inputs or outputs for backward; the graph owns and frees them. */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.#toSave = tensors;
  }

  /** In backward: what `saveForBackward` was given. */
  get savedTensors(): readonly (Tensor | null)[] {
    return this.#saved;
  }

  /** Outputs without a gradient, such as indices. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    for (const tensor of tensors) this.#nonDifferentiable.add(tensor);
  }

  /** @internal Moves what is to be saved to the graph: kept here too, it would be a cycle that is never freed. */
  takeToSave(): readonly (Tensor | null)[] {
    const toSave = this.#toSave;
    this.#toSave = [];
    return toSave;
  }
  /** @internal */
  isDifferentiable(tensor: Tensor): boolean {
    return !this.#nonDifferentiable.has(tensor);
  }
  /** @internal */
  withSaved<T>(saved: readonly (Tensor | null)[], fn: () => T): T {
    this.#saved = saved;
    try {
      return fn();
    } finally {
      this.#saved = [];
    }
  }
}

type Outputs = Tensor | readonly Tensor[];
type Gradients = Tensor | null | undefined | readonly (Tensor | null | undefined)[];

interface FunctionClass<Args extends readonly unknown[], Out extends Outputs> {
  readonly name: string;
  forward(context: FunctionContext, ...args: Args): Out;
  backward(context: FunctionContext, ...gradients: Tensor[]): Gradients;
}

/**
 * A differentiable function written in TypeScript: `forward` computes without recording, `backward` gives the gradient
 * of each tensor argument (null for none).
 *
 * ```ts
 * class Square extends autograd.Function {
 *   static forward(ctx: FunctionContext, x: Tensor) { ctx.saveForBackward(x); return x.mul(x); }
 *   static backward(ctx: FunctionContext, grad: Tensor) { return ctx.savedTensors[0]!.mul(2).mul(grad); }
 * }
 * const y = Square.apply(x);
 * ```
 */
// biome-ignore lint/complexity/noStaticOnlyClass: PyTorch's shape, subclassed by users
export abstract class AutogradFunction {
  static apply<Args extends readonly unknown[], Out extends Outputs>(
    this: FunctionClass<Args, Out>,
    ...args: Args
  ): Out {
    // biome-ignore lint/complexity/noThisInStatic: `this` is the subclass that was called
    return applyFunction(this, args);
  }
}

function applyFunction<Args extends readonly unknown[], Out extends Outputs>(
  fn: FunctionClass<Args, Out>,
  args: Args,
): Out {
  const inputs = args.filter((arg): arg is Args[number] & Tensor => arg instanceof Tensor);
  const needs = inputs.map((input) => input.requiresGrad);
  const context = new FunctionContext(needs);
  const result = noGrad(() => fn.forward(context, ...args));
  if (!needs.includes(true) || !native.isGradEnabled()) return result;
  const outputs: readonly Tensor[] = result instanceof Tensor ? [result] : result;
  const blank = outputs.map(({ shape, dtype, device }) => ({ shape, dtype, device }));
  const attached = native.attachNode(
    inputs.map((input) => input.handle),
    outputs.map((output) => output.handle),
    outputs.map((output) => context.isDifferentiable(output)),
    context.takeToSave().map((tensor) => tensor?.handle ?? null),
    backwardOf(fn, context, inputs.length, blank),
    `${fn.name}Backward`,
  );
  const withHistory = attached.map((handle) => new Tensor(handle));
  return (result instanceof Tensor ? withHistory[0] : withHistory) as Out;
}

/** What autograd hands to a node's backward. */
interface Received {
  readonly gradients: readonly (Handle | null)[];
  /** The shapes and kinds of the outputs. */
  readonly blank: readonly (TensorOptions & { readonly shape: readonly number[] })[];
  readonly saved: readonly (Handle | null)[];
}

/** Made apart, so that it holds neither inputs nor outputs. */
function backwardOf<Args extends readonly unknown[], Out extends Outputs>(
  fn: FunctionClass<Args, Out>,
  context: FunctionContext,
  inputCount: number,
  blank: Received["blank"],
): Parameters<typeof native.attachNode>[4] {
  return (gradients, saved) => runBackward(fn, context, inputCount, { gradients, blank, saved });
}

function runBackward<Args extends readonly unknown[], Out extends Outputs>(
  fn: FunctionClass<Args, Out>,
  context: FunctionContext,
  inputCount: number,
  { gradients, blank, saved }: Received,
): (Handle | null)[] {
  let handles: (Handle | null)[] = [];
  scope(() => {
    // An output that nothing depends on has a gradient of zeros.
    const given = gradients.map((handle, i) =>
      handle === null ? zeros(blank[i]?.shape ?? [], blank[i]) : new Tensor(handle),
    );
    const result = context.withSaved(saved.map(wrapOptional), () => fn.backward(context, ...given));
    const list = Array.isArray(result) ? (result as readonly (Tensor | null | undefined)[]) : [result as Tensor | null];
    if (list.length !== inputCount) {
      throw new TorchError({
        code: "torch/function-backward",
        what: `${fn.name}.backward returned ${list.length} gradients for ${inputCount} tensor arguments`,
        fix: "return one for each tensor argument of forward, null where there is none",
      });
    }
    handles = list.map((tensor) => (tensor === null || tensor === undefined ? null : native.alias(tensor.handle)));
  });
  return handles;
}
