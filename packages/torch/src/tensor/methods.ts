import { autograd } from "./autograd.ts";
import { data } from "./data.ts";
import { indexing } from "./indexing.ts";
import { matmul } from "./matmul.ts";
import { order } from "./order.ts";
import { pointwise } from "./pointwise.ts";
import { type Indexed, type Keepdim, reduce } from "./reduce.ts";
import { scatter } from "./scatter.ts";
import { Tensor } from "./tensor.ts";
import { unary } from "./unary.ts";
import { views } from "./views.ts";

// Tensor's methods are the functions of these tables, whose first argument is the tensor. A new one needs an entry in a table.

type Method<F> = F extends (self: Tensor, ...args: infer Args) => infer Result ? (...args: Args) => Result : never;

/** An in-place method gives the very object back, a Parameter for a Parameter. */
type InPlaceMethod<F> = F extends (self: Tensor, ...args: infer Args) => Tensor
  ? <Self extends Tensor>(this: Self, ...args: Args) => Self
  : never;

type Methods<Table> = {
  [Name in keyof Table]: Name extends `${string}_` ? InPlaceMethod<Table[Name]> : Method<Table[Name]>;
};

declare module "./tensor.ts" {
  interface Tensor
    extends Methods<typeof unary>,
      Methods<typeof pointwise>,
      Methods<typeof reduce>,
      Methods<typeof order>,
      Methods<typeof matmul>,
      Methods<typeof views>,
      Methods<typeof scatter>,
      Methods<typeof indexing>,
      Methods<typeof data>,
      Methods<typeof autograd> {
    /** The largest element, or the largest along `dim` with their positions. */
    max(): Tensor;
    max(dim: number, options?: Keepdim): Indexed;
    /** The smallest element, or the smallest along `dim` with their positions. */
    min(): Tensor;
    min(dim: number, options?: Keepdim): Indexed;
    /** The lower median, of all elements or along `dim`. */
    median(): Tensor;
    median(dim: number, options?: Keepdim): Indexed;
  }
}

type TensorFunction = (self: Tensor, ...args: never[]) => unknown;

for (const table of [unary, pointwise, reduce, order, matmul, views, scatter, indexing, data, autograd]) {
  for (const name of Reflect.ownKeys(table)) {
    const fn: TensorFunction = table[name as keyof typeof table];
    const value = function (this: Tensor, ...args: never[]): unknown {
      return fn(this, ...args);
    };
    Object.defineProperty(value, "name", { value: name, configurable: true });
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
  }
}
