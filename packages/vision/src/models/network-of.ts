import type { Tensor } from "@classifier-training/torch";
import type { ModelDefinition } from "./definition.ts";

/** Not parameters: what batch normalization has counted, and tables that follow from the options. */
const buffers = /(^|\.)(running_mean|running_var|num_batches_tracked|relative_position_index)$/;

/** Prefixes of more parts than this are those of layers. */
const deepestPrefix = 4;

/** With which number of classes the definitions count their parameters. */
const countedClasses = 1000;

/**
 * Which network weights are of, whatever the names are: the one that has as many parameters, once the head is that of
 * 1,000 classes. Undefined when none has, or several.
 */
export function networkOf(
  weights: ReadonlyMap<string, Tensor>,
  definitions: readonly Pick<ModelDefinition, "name" | "parameters">[],
): string | undefined {
  const parameters = [...weights].filter(([name]) => !buffers.test(name));
  for (const prefix of prefixes(parameters.map(([name]) => name))) {
    const own = parameters.filter(([name]) => name.startsWith(prefix)).map(([, tensor]) => tensor);
    const counts = possibleCounts(own);
    const found = definitions.filter((definition) => counts.has(definition.parameters));
    if (found.length > 0) return found.length === 1 ? found[0]?.name : undefined;
  }
  return undefined;
}

/** Numbers of parameters with 1,000 classes: each matrix may be the head's, and the head may be missing. */
function possibleCounts(tensors: readonly Tensor[]): Set<number> {
  const total = tensors.reduce((sum, { numel }) => sum + numel, 0);
  const counts = new Set([total]);
  for (const { shape } of tensors) {
    const [rows = 0, columns = 0] = shape;
    if (shape.length === 2) counts.add(total + (countedClasses - rows) * (columns + 1));
    if (shape.length === 1) counts.add(total + countedClasses * (rows + 1));
  }
  return counts;
}

/** "", and the beginnings of the names that end with a point and are of more than one. */
function prefixes(names: readonly string[]): Set<string> {
  const found = new Set([""]);
  for (const name of names) {
    const parts = name.split(".");
    for (let length = 1; length <= Math.min(parts.length - 1, deepestPrefix); length++)
      found.add(`${parts.slice(0, length).join(".")}.`);
  }
  return found;
}
