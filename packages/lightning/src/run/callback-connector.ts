import { printable } from "@classifier-training/base";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

const rank = { first: 0, normal: 1, last: 2 };

export function inOrder(callbacks: readonly Callback[]): Callback[] {
  return [...callbacks].sort((a, b) => rank[a.order] - rank[b.order]);
}

/** Adds the module's own callbacks: one of a class that is there already takes its place. */
export async function attachModuleCallbacks(
  module: LightningModule,
  callbacks: readonly Callback[],
): Promise<readonly Callback[]> {
  const own = await module.configureCallbacks?.();
  if (own === undefined) return callbacks;
  const added = [own].flat().map((one) => {
    if (one instanceof Callback) return one;
    throw new MisconfigurationError(
      `configureCallbacks(): expected callbacks, received ${printable(JSON.stringify(one) ?? String(one))}`,
    );
  });
  if (added.length === 0) return callbacks;
  const kinds = new Set(added.map((one) => one.constructor));
  const merged = [...callbacks.filter((one) => !kinds.has(one.constructor)), ...added];
  refuseDuplicates(merged);
  return inOrder(merged);
}

export function refuseDuplicates(callbacks: readonly Callback[]): void {
  const seen = new Map<string, Callback>();
  for (const callback of callbacks) {
    if (callback.stateDict === undefined) continue;
    if (seen.has(callback.stateKey)) {
      throw new MisconfigurationError(
        `Found more than one stateful callback of type \`${callback.constructor.name}\` with the same state key: ` +
          "their states would overwrite each other in checkpoints",
        "give them other options, or override `stateKey`",
      );
    }
    seen.set(callback.stateKey, callback);
  }
}
