import { plainScalar } from "../yaml/scalars.ts";
import type { Container } from "./containers.ts";
import { ConfigKeyError, ConfigTypeError } from "./errors.ts";
import { isMissingNode, type Node, rawValue } from "./node.ts";
import { rootOf } from "./paths.ts";
import { selectFrom } from "./resolve.ts";

export interface SelectOptions {
  /** What to return for a key that is not there or is missing; null without it. */
  readonly default?: unknown;
  /** Throw on `???` instead of taking it for absent. */
  readonly throwOnMissing?: boolean;
  /** Throw when an interpolation fails (the default) instead of returning the default. */
  readonly throwOnResolutionFailure?: boolean;
  /** A path without leading dot starts at the root, not at `config`. */
  readonly absolute?: boolean;
}

/** The node at a key path, its interpolation resolved; undefined if there is none. */
export function selectNode(config: Container, path: string, options: SelectOptions = {}): Node | undefined {
  const absolute = options.absolute || path.startsWith(".");
  try {
    const { root, rest } = rootOf(config, absolute ? path : `.${path}`);
    return selectFrom(root, rest, {
      throwOnMissing: options.throwOnMissing ?? false,
      throwOnFailure: options.throwOnResolutionFailure ?? true,
    });
  } catch (error) {
    if (error instanceof ConfigTypeError || error instanceof ConfigKeyError) return undefined;
    throw error;
  }
}

/** The value at a key path, with `Float` for integral floats; a container as itself. */
export function selectRaw(config: Container, path: string, options: SelectOptions = {}): unknown {
  const node = selectNode(config, path, options);
  if (node === undefined || isMissingNode(node)) return options.default ?? null;
  return rawValue(node);
}

/**
 * The value at a key path such as `model.layers[0]`; a container for a mapping or a list, null (or the default) for
 * what is not there.
 * @throws InterpolationResolutionError, MissingMandatoryValue
 */
export function select(config: Container, path: string, options: SelectOptions = {}): unknown {
  return plainScalar(selectRaw(config, path, options));
}
