import { types } from "node:util";
import type { Tensor } from "../tensor/tensor.ts";
import { nnError } from "./errors.ts";
import { type AnyModule, Module } from "./module.ts";

/** A module from one tensor to one tensor. */
export type TensorModule = Module<[input: Tensor], Tensor>;

/** Passes its input through modules one after another; their keys are 0, 1, ... */
export class Sequential extends Module {
  #length = 0;

  constructor(...modules: readonly TensorModule[]) {
    super();
    for (const module of modules) this.append(module);
  }

  get length(): number {
    return this.#length;
  }

  append(module: TensorModule): this {
    this.addModule(String(this.#length++), module);
    return this;
  }

  /** The module at an index; negative ones count from the end. */
  at(index: number): TensorModule {
    return itemAt(this, index, this.#length) as TensorModule;
  }

  *[Symbol.iterator](): Generator<TensorModule> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  override forward(input: Tensor): Tensor {
    let value = input;
    for (const module of this) value = module.call(value);
    return value;
  }
}

/** A list of modules, which `forward` of the owner uses as it likes; their keys are 0, 1, ... */
export class ModuleList<Item extends AnyModule = TensorModule> extends Module<never[], never> {
  #length = 0;

  constructor(modules: Iterable<Item> = []) {
    super();
    for (const module of modules) this.append(module);
  }

  get length(): number {
    return this.#length;
  }

  append(module: Item): this {
    this.addModule(String(this.#length++), module);
    return this;
  }

  at(index: number): Item {
    return itemAt(this, index, this.#length) as Item;
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }
}

/** Modules by name. */
export class ModuleDict<Item extends AnyModule = TensorModule> extends Module<never[], never> {
  readonly #names = new Set<string>();

  constructor(modules: Readonly<Record<string, Item>> | ReadonlyMap<string, Item> = {}) {
    super();
    const entries = types.isMap(modules) ? modules : Object.entries(modules as Record<string, Item>);
    for (const [name, module] of entries) this.set(name, module);
  }

  get size(): number {
    return this.#names.size;
  }

  set(name: string, module: Item): this {
    this.addModule(name, module);
    this.#names.add(name);
    return this;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  get(name: string): Item {
    if (!this.#names.has(name)) throw nnError(`ModuleDict has no '${name}'`, `it has: ${[...this.#names].join(", ")}`);
    return Reflect.get(this, name) as Item;
  }

  keys(): string[] {
    return [...this.#names];
  }

  *entries(): Generator<[string, Item]> {
    for (const name of this.#names) yield [name, this.get(name)];
  }

  [Symbol.iterator](): Generator<[string, Item]> {
    return this.entries();
  }
}

function itemAt(list: AnyModule, index: number, length: number): unknown {
  const position = index < 0 ? index + length : index;
  if (!Number.isInteger(index) || position < 0 || position >= length) {
    throw nnError(`${list.constructor.name} has ${length} modules, none at index ${index}`);
  }
  return Reflect.get(list, String(position));
}
