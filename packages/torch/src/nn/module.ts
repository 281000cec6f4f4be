import { bind } from "../ops/dispatch.ts";
import { keep, scope } from "../scope.ts";
import type { Device, DType, MemoryFormat } from "../tensor/dtype.ts";
import { isFloatingPoint } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nnError } from "./errors.ts";
import { type HookHandle, HookList } from "./hooks.ts";
import { type LoadOptions, type LoadReport, loadInto, type StateEntries } from "./load-state.ts";
import { Parameter } from "./parameter.ts";

/** Replaces a tensor's memory, as `x.data = y` in Python: the tensor stays the same object. */
const setData = bind<void>("aten::set_data");

/** Any module. */
export type AnyModule = Module<never[], unknown>;

/** Sees, and may replace, what a module is called with. */
export type ForwardPreHook = (module: AnyModule, inputs: readonly unknown[]) => readonly unknown[] | undefined;

/** Sees, and may replace, what a module returns. */
export type ForwardHook = (module: AnyModule, inputs: readonly unknown[], output: unknown) => unknown;

/** Where and as what a module's tensors are to be kept. */
export interface MoveOptions {
  readonly device?: Device;
  /** For floating-point tensors only; counters keep theirs. */
  readonly dtype?: DType;
  /** `channels_last` is applied to tensors of four dimensions. */
  readonly memoryFormat?: MemoryFormat;
  readonly nonBlocking?: boolean;
}

/**
 * The base of all layers and models. Parameters, buffers and modules assigned as own properties are found by
 * themselves, in the order of their definition, and a property's name is its part of the key in `stateDict()`:
 *
 * ```ts
 * class Net extends nn.Module {
 *   fc = new nn.Linear(4, 2);
 *   forward(x: Tensor): Tensor {
 *     return nn.functional.relu(this.fc.call(x));
 *   }
 * }
 * ```
 */
export class Module<Inputs extends readonly unknown[] = [input: Tensor], Output = Tensor> {
  /** Whether dropout drops and batch norm looks at the batch; set by `train()` and `eval()`. */
  training = true;
  readonly #buffers = new Map<string, { readonly persistent: boolean }>();
  readonly #preHooks = new HookList<ForwardPreHook>();
  readonly #hooks = new HookList<ForwardHook>();

  /** Computes the output. Override it, and use `call`, which runs the hooks too. */
  forward(..._inputs: Inputs): Output {
    throw nnError(`${this.constructor.name} has no forward method`, "define forward(...) in the class");
  }

  /** Runs `forward` with the hooks around it. */
  call(...inputs: Inputs): Output {
    if (!this.hasForwardHooks) return this.forward(...inputs);
    let given: readonly unknown[] = inputs;
    for (const hook of this.#preHooks) given = hook(this, given) ?? given;
    let output: unknown = this.forward(...(given as Inputs));
    for (const hook of this.#hooks) output = hook(this, given, output) ?? output;
    return output as Output;
  }

  /** Whether `call` does more than `forward`; code that merges modules into one kernel asks. */
  get hasForwardHooks(): boolean {
    return this.#preHooks.size > 0 || this.#hooks.size > 0;
  }

  registerForwardPreHook(hook: ForwardPreHook): HookHandle {
    return this.#preHooks.add(hook);
  }

  registerForwardHook(hook: ForwardHook): HookHandle {
    return this.#hooks.add(hook);
  }

  /** Adds a tensor that belongs to the module's state but is not trained, as the property `name`. */
  registerBuffer(
    name: string,
    tensor: Tensor | null,
    { persistent = true }: { readonly persistent?: boolean } = {},
  ): void {
    this.#checkName(name);
    this.#buffers.set(name, { persistent });
    this.#define(name, tensor === null ? null : keep(tensor));
  }

  /** Adds a parameter, or the mark that there is none, as the property `name`. */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#checkName(name);
    this.#define(name, parameter);
  }

  /** Adds a child as the property `name`. */
  addModule(name: string, module: AnyModule | null): void {
    this.#checkName(name);
    this.#define(name, module);
  }

  #define(name: string, value: unknown): void {
    Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
  }

  #checkName(name: string): void {
    const own = Object.hasOwn(this, name);
    if (name !== "" && !name.includes(".") && (own ? name !== "training" : !(name in this))) return;
    const why =
      name === "" ? "it is empty" : name.includes(".") ? "it has a dot" : "the class has a member of that name";
    throw nnError(`'${name}' cannot be the name of a part of ${this.constructor.name}: ${why}`);
  }

  /** The direct children by name; one that is there twice comes once. */
  *namedChildren(): Generator<[name: string, module: AnyModule]> {
    const seen = new Set<AnyModule>();
    for (const [name, value] of Object.entries(this)) {
      if (!(value instanceof Module) || seen.has(value)) continue;
      seen.add(value);
      yield [name, value];
    }
  }

  *children(): Generator<AnyModule> {
    for (const [, module] of this.namedChildren()) yield module;
  }

  /** This module and all below it, parents first; a shared one comes once. */
  *namedModules(prefix = "", seen = new Set<AnyModule>()): Generator<[name: string, module: AnyModule]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(joined(prefix, name), seen);
  }

  *modules(): Generator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** All parameters by their dotted names; a shared one comes once. */
  *namedParameters(prefix = "", { recurse = true }: Recurse = {}): Generator<[name: string, parameter: Parameter]> {
    const seen = new Set<Parameter>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Parameter) || seen.has(value)) continue;
        seen.add(value);
        yield [joined(path, name), value];
      }
    }
  }

  *parameters(options: Recurse = {}): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters("", options)) yield parameter;
  }

  /** All buffers by their dotted names, those kept out of checkpoints too. */
  *namedBuffers(prefix = "", { recurse = true }: Recurse = {}): Generator<[name: string, buffer: Tensor]> {
    const seen = new Set<Tensor>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const name of module.bufferNames()) {
        const buffer = Reflect.get(module as object, name) as Tensor | null;
        if (buffer === null || seen.has(buffer)) continue;
        seen.add(buffer);
        yield [joined(path, name), buffer];
      }
    }
  }

  *buffers(options: Recurse = {}): Generator<Tensor> {
    for (const [, buffer] of this.namedBuffers("", options)) yield buffer;
  }

  /** Names of this module's own buffers. */
  bufferNames({ persistentOnly = false }: { readonly persistentOnly?: boolean } = {}): string[] {
    return [...this.#buffers].filter(([, { persistent }]) => persistent || !persistentOnly).map(([name]) => name);
  }

  /** Keys of this module's own state that an older file may lack. */
  optionalStateKeys(): readonly string[] {
    return [];
  }

  /** The parameters and buffers themselves, by key, in the order of `stateDict`. */
  *stateEntries(prefix = ""): Generator<[key: string, tensor: Tensor]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Parameter) yield [prefix + name, value];
    for (const name of this.bufferNames({ persistentOnly: true })) {
      const buffer = Reflect.get(this as object, name) as Tensor | null;
      if (buffer !== null) yield [prefix + name, buffer];
    }
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield* (value as AnyModule).stateEntries(`${prefix}${name}.`);
    }
  }

  /**
   * Parameters and persistent buffers by key, torchvision's keys for torchvision's models. The tensors share the
   * module's memory, without its gradients: clone what should stay as it is.
   */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.stateEntries()].map(([key, tensor]) => [key, tensor.detach()]));
  }

  /**
   * Copies tensors into the module's parameters and buffers, converting dtype and device.
   * @param strict false lets keys be missing or unexpected (they are reported), but no shape may differ
   * @throws TorchError naming missing and unexpected keys and shapes that differ, the first eight of each; nothing is copied then
   */
  loadStateDict(state: StateEntries, options: LoadOptions = {}): LoadReport {
    return loadInto(this, state, options);
  }

  /** Sets the training mode here and below. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Calls a function on every module, children first. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Moves or converts all parameters and buffers; they stay the same objects, so that optimizers keep working. */
  to(options: MoveOptions | Device): this {
    const { dtype, ...place } = typeof options === "string" ? { device: options } : options;
    const change = (tensor: Tensor): void => {
      const cast = dtype !== undefined && isFloatingPoint(tensor.dtype) ? { dtype } : {};
      const { memoryFormat, ...device } = place;
      const format = memoryFormat !== undefined && tensor.ndim === 4 ? { memoryFormat } : {};
      for (const part of [tensor, tensor.grad]) {
        if (part !== null) setData(part, part.detach().to({ ...device, ...cast, ...format }));
      }
    };
    scope(() => {
      for (const parameter of this.parameters()) change(parameter);
      for (const buffer of this.buffers()) change(buffer);
    });
    return this;
  }

  /** Sets `requiresGrad` of all parameters. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Drops the gradients of all parameters, or sets them to zero. */
  zeroGrad({ setToNone = true }: { readonly setToNone?: boolean } = {}): void {
    for (const parameter of this.parameters()) {
      if (setToNone) parameter.grad = null;
      else parameter.grad?.zero_();
    }
  }

  /** What distinguishes this layer from others of its class, for `toString`. */
  extraRepr(): string {
    return "";
  }

  /** The tree of modules as PyTorch prints it. */
  toString(): string {
    const children = [...this.namedChildren()];
    const extra = this.extraRepr();
    if (children.length === 0) return `${this.constructor.name}(${extra})`;
    const lines = children.map(([name, child]) => `  (${name}): ${child.toString().replaceAll("\n", "\n  ")}`);
    return `${this.constructor.name}(${extra}\n${lines.join("\n")}\n)`;
  }
}

interface Recurse {
  readonly recurse?: boolean;
}

function joined(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}.${name}`;
}
