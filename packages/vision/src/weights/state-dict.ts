import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { serialization, Tensor } from "@classifier-training/torch";
import { firstBytes, pageProblem } from "@classifier-training/torch/download";
import { WeightsError } from "./errors.ts";

/** Keys under which training scripts keep the weights, best first: averaged ones before those of the last step. */
const wrappers = [
  "state_dict_ema",
  "ema_state_dict",
  "model_ema",
  "ema",
  "params_ema",
  "state_dict",
  "model_state_dict",
  "model_state",
  "weights",
  "model",
  "net",
  "network",
  "params",
];

/**
 * Reads the weights of a model from a safetensors file or a PyTorch checkpoint (`.pth`, `.pt`, `.bin`, `.ckpt`), whatever
 * they are wrapped in. Names keep their prefixes (`module.`, `model.`, ...): only the model knows which is one.
 * @throws WeightsError `weights/file` when it holds no tensors or cannot be read.
 */
export async function readStateDict(path: string): Promise<Map<string, Tensor>> {
  if ((await stat(path)).isDirectory()) {
    throw new WeightsError({
      code: "weights/file",
      what: `${path} is a folder, not weights`,
      fix: "give a file: a checkpoint (.ckpt), .pth, .pt or .safetensors",
    });
  }
  const page = pageProblem(await firstBytes(path));
  if (page !== undefined) {
    throw new WeightsError({
      code: "weights/file",
      what: `${path} is ${page}, not weights`,
      fix: "delete it, and download the file itself: in a browser if the page asks for something",
    });
  }
  const tree = await readTree(path);
  const found = unwrap(tree);
  if (found.size > 0) return found;
  const model = wholeModel(tree);
  throw new WeightsError({
    code: "weights/file",
    what:
      model === undefined
        ? `no weights found in ${path}`
        : `${path} holds a whole model, an object of the Python class ${model}, and only tensors are read`,
    fix:
      model === undefined
        ? "give a state dict: torch.save(model.state_dict(), 'weights.pth')"
        : "in Python: torch.save(torch.load(PATH, weights_only=False).state_dict(), 'weights.pth')",
  });
}

/** The class of the model that was pickled whole, in place of its weights. */
function wholeModel(tree: unknown): string | undefined {
  if (tree instanceof serialization.OpaqueObject) return tree.pythonClass;
  const inner = entriesOf(tree).find(
    ([key, value]) => wrappers.includes(key) && value instanceof serialization.OpaqueObject,
  );
  return (inner?.[1] as { pythonClass: string } | undefined)?.pythonClass;
}

async function readTree(path: string): Promise<unknown> {
  const format = formatOf(await firstBytes(path));
  if (format === "pickle") return serialization.loadPth(path, { unknownClasses: "opaque" });
  if (format === "safetensors" || extname(path) === ".safetensors")
    return withoutRunState(serialization.loadSafetensors(path).tensors);
  throw new WeightsError({
    code: "weights/file",
    what: `expected a PyTorch file (.pth, .pt, .ckpt) or safetensors, received ${extname(path) === ".onnx" ? "an ONNX model" : "something else"}: ${path}`,
    fix: "give the state dict: torch.save(model.state_dict(), 'weights.pth')",
  });
}

/** A checkpoint of this project has the rest of a run's state behind an `@`. */
function withoutRunState(tensors: Map<string, Tensor>): Map<string, Tensor> {
  for (const [name, tensor] of tensors) {
    if (!name.startsWith("@")) continue;
    tensor.dispose();
    tensors.delete(name);
  }
  return tensors;
}

/**
 * A PyTorch file is a zip archive, or in old versions starts with a pickle's protocol byte; safetensors start with the
 * length of their header, which is JSON.
 */
function formatOf(start: Uint8Array): "pickle" | "safetensors" | undefined {
  // The length is of 64 bits, and may itself begin like a pickle; neither of the others has a brace there.
  if (start[8] === "{".charCodeAt(0)) return "safetensors";
  const [first, second] = start;
  return (first === 0x50 && second === 0x4b) || first === 0x80 ? "pickle" : undefined;
}

/** The state dict inside a checkpoint's tree. @param depth of wrappers in wrappers, which a file may close to a ring */
function unwrap(tree: unknown, depth = 4): Map<string, Tensor> {
  const entries = new Map(entriesOf(tree));
  for (const key of wrappers) {
    if (depth === 0 || !entries.has(key)) continue;
    const inner = unwrap(entries.get(key), depth - 1);
    // A checkpoint has single tensors beside its weights, such as `best_acc1`.
    if (inner.size > 0) return inner;
  }
  return new Map([...entries].filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor));
}

function entriesOf(value: unknown): [string, unknown][] {
  if (value instanceof Map)
    return [...value].filter((entry): entry is [string, unknown] => typeof entry[0] === "string");
  const isOpaque = value instanceof Tensor || value instanceof serialization.OpaqueObject;
  if (typeof value === "object" && value !== null && !isOpaque) return Object.entries(value);
  return [];
}
