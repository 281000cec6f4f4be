import type { AtenOperators } from "./aten.generated.ts";
import { type OperatorFunction, operatorFunction, operatorNames } from "./resolve.ts";

function namespace(name: string): Record<string, OperatorFunction> {
  const known: Record<string, OperatorFunction> = Object.create(null);
  return new Proxy(known, {
    get(target, key) {
      // `then` is asked for by `await` and by anything that prints or compares.
      if (typeof key !== "string" || key === "then" || key === "toJSON") return undefined;
      let fn = target[key];
      if (fn === undefined) {
        fn = operatorFunction(name, key);
        target[key] = fn;
      }
      return fn;
    },
    // For `in`, and for completion in Node's console.
    has: (target, key) => key in target || (typeof key === "string" && operatorNames(name).includes(key)),
    ownKeys: () => operatorNames(name),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  });
}

/** The listed signatures first, then any arguments, with an unknown result. */
type TypedOperators = { readonly [Name in keyof AtenOperators]: AtenOperators[Name] & OperatorFunction };

/**
 * Every operator of LibTorch, by name: `ops.aten.add(x, 2)`, `ops.aten.sum(x, { dim: [1], keepdim: true })`,
 * `ops.aten["add.Tensor"](x, y)`. Arguments go by position, or by schema name in a last plain object; the overload is
 * chosen by their types, defaults are the schema's. `ops.ct` holds this package's own fused kernels.
 */
export const ops: {
  readonly aten: TypedOperators & Readonly<Record<string, OperatorFunction>>;
  readonly ct: Readonly<Record<string, OperatorFunction>>;
  /** Another namespace, e.g. `ops.namespace("quantized")`. */
  namespace(name: string): Readonly<Record<string, OperatorFunction>>;
} = {
  aten: namespace("aten") as TypedOperators & Record<string, OperatorFunction>,
  ct: namespace("ct"),
  namespace,
};
