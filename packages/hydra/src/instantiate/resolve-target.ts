import type { Target } from "@classifier-training/base";
import { CtError } from "@classifier-training/base";
import type { Node } from "../omegaconf/node.ts";
import type { Origin } from "../omegaconf/origin.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { InstantiationError } from "./errors.ts";
import { isFileTarget, loadFileTarget } from "./file-target.ts";
import { findTarget, unknownTarget } from "./targets.ts";

/** The target of a name; a function or class given in code is one itself. @throws InstantiationError */
export async function resolveTarget(name: unknown, at?: Node, origin?: Origin): Promise<Target> {
  const fullKey = at?.fullKey();
  if (typeof (name as Target | null)?.invoke === "function") return name as Target;
  if (typeof name !== "string") {
    throw new InstantiationError({
      what: `_target_ must be the name of a target, but is ${pythonStr(name)}`,
      fullKey,
      origin,
    });
  }
  try {
    const file = [origin, at?.origin].find((place) => place?.kind === "file")?.source;
    const target = isFileTarget(name) ? await loadFileTarget(name, file) : await findTarget(name);
    if (target !== undefined) return target;
    throw unknownTarget(name);
  } catch (error) {
    if (!CtError.is(error)) throw error;
    const { what, fix } = error.problem;
    throw new InstantiationError({ what, fix, fullKey, origin, cause: error.cause });
  }
}
