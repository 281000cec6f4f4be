import { isFloatingPoint, type nn, noGrad, scope, stack, Tensor } from "@classifier-training/torch";
import { LightningError } from "./errors.ts";

/**
 * The first weight that is NaN or infinite, by its state-dict key; undefined when all are finite. A buffer may hold
 * infinities on purpose (an attention mask), so of those only NaN counts.
 */
export function nonFiniteWeight(
  weights: Iterable<readonly [string, Tensor]>,
  isParameter: (name: string) => boolean,
): string | undefined {
  return noGrad(() =>
    scope(() => {
      const floating = [...weights].filter(([, tensor]) => isFloatingPoint(tensor.dtype) && tensor.numel > 0);
      if (floating.length === 0) return undefined;
      // One pass over memory; a sum of finite values may overflow, so what it points at is looked at again.
      const sums = stack(floating.map(([, tensor]) => tensor.detach().sum(undefined, { dtype: "float32" })));
      const values = sums.to({ device: "cpu" }).toTypedArray() as Float32Array;
      const found = floating.find(([name, tensor], i) => {
        if (Number.isFinite(values[i])) return false;
        return isParameter(name) ? tensor.isfinite().all().item() === 0 : tensor.isnan().any().item() !== 0;
      });
      return found?.[0];
    }),
  );
}

/**
 * Refuses weights of a file that a diverged training left behind.
 * @param module what they are for
 * @throws LightningError `checkpoint/not-finite`
 */
export function refuseNonFiniteWeights(
  weights: ReadonlyMap<string, Tensor>,
  module: nn.AnyModule,
  where: string,
): void {
  const parameters = new Set([...module.namedParameters()].map(([name]) => name));
  const name = nonFiniteWeight(weights, (one) => parameters.has(one));
  if (name === undefined) return;
  throw new LightningError({
    code: "checkpoint/not-finite",
    what: `the weights are not finite ('${name}' holds NaN or infinity): they are of a training that diverged`,
    where,
    fix: "give an earlier checkpoint, or train anew with a lower learning rate",
  });
}

/** Where in a batch there is a NaN or an infinity (`batch.images`); undefined when there is none. */
export function nonFiniteInput(batch: unknown, path = "batch"): string | undefined {
  if (batch instanceof Tensor) {
    const broken = isFloatingPoint(batch.dtype) && scope(() => batch.isfinite().all().item() === 0);
    return broken ? path : undefined;
  }
  if (typeof batch !== "object" || batch === null || ArrayBuffer.isView(batch)) return undefined;
  for (const [key, value] of Object.entries(batch)) {
    const found = nonFiniteInput(value, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
