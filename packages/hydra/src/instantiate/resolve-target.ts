import { type Advice, CtError, didYouMean, editDistance, nearestName, type Target } from "@classifier-training/base";
import type { Node } from "../omegaconf/node.ts";
import type { Origin } from "../omegaconf/origin.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { positional, valueTargets } from "./builtin-targets.ts";
import { InstantiationError } from "./errors.ts";
import { isFileTarget, loadFileTarget } from "./file-target.ts";
import { allTargetNames, findTarget } from "./targets.ts";

/** The target of a name; a function or class given in code is one itself. @throws InstantiationError */
export async function resolveTarget(name: unknown, at?: Node, origin?: Origin): Promise<Target> {
  const fullKey = at?.fullKey();
  if (typeof (name as Target | null)?.invoke === "function") return name as Target;
  if (typeof name !== "string") {
    throw new InstantiationError({
      what: `_target_: expected the name of a target, received ${pythonStr(name)}`,
      fullKey,
      origin,
    });
  }
  try {
    const file = [origin, at?.origin].find((place) => place?.kind === "file")?.source;
    const target = isFileTarget(name) ? await loadFileTarget(name, file) : await lookUpTarget(name);
    if (target === undefined) throw new InstantiationError(await unknownTargetAdvice(name));
    if (target.refusal !== undefined) throw new InstantiationError(target.refusal);
    return target;
  } catch (error) {
    if (!CtError.is(error)) throw error;
    const { what, fix } = error.problem;
    throw new InstantiationError({ what, fix, fullKey, origin, cause: error.cause });
  }
}

/** The target of a dotted name: a registered one, else a built-in name of Python that configurations write values with. */
export async function lookUpTarget(name: string): Promise<Target | undefined> {
  return (await findTarget(name)) ?? (Object.hasOwn(builtinTargets, name) ? builtinTargets[name] : undefined);
}

/** `hydra.utils.get_class` and the like: what a dotted path, or `./file.ts#Name`, names, as a function to call. */
const getObject = positional("path")(async (path) => {
  const target = await resolveTarget(path);
  if (target.object !== undefined) return target.object;
  return Object.assign((...args: readonly unknown[]) => target.invoke(args, {}), { target: String(path) });
});

const builtinTargets: Readonly<Record<string, Target>> = {
  ...valueTargets,
  "hydra.utils.get_object": getObject,
  "hydra.utils.get_class": getObject,
  "hydra.utils.get_method": getObject,
  "hydra.utils.get_static_method": getObject,
};

/** What to say of a name that is not registered: the class of that name elsewhere, the nearest name, or a file of the user's. */
export async function unknownTargetAdvice(name: string): Promise<Advice> {
  const names = [...(await allTargetNames()), ...Object.keys(builtinTargets)];
  const last = lastPart(name);
  const namesakes = names.filter((candidate) => lastPart(candidate).toLowerCase() === last.toLowerCase());
  const isPython = /^[a-z_]\w*(\.[a-z_]\w*)+$/i.test(name);
  const isOwn = isPython && !names.some((candidate) => candidate.split(".")[0] === name.split(".")[0]);
  const near = closest(name, namesakes) ?? (isOwn ? undefined : nearestName(name, names));
  const file = `./${name.split(".").slice(0, -1).join("/")}.ts#${last}`;
  const own = `write the class in TypeScript, and name it as '${file}': a file beside this configuration, or below the working directory`;
  return {
    what: `there is no target '${name}'${isOwn ? ": Python code does not run here" : ""}`,
    fix: didYouMean(near) ?? (isPython ? own : "name a registered target, or your class as './path/to/file.ts#Name'"),
  };
}

const lastPart = (name: string) => name.slice(name.lastIndexOf(".") + 1);

function closest(name: string, candidates: readonly string[]): string | undefined {
  return [...candidates].sort((a, b) => editDistance(name, a) - editDistance(name, b))[0];
}
