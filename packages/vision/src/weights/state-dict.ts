import { open } from "node:fs/promises";
import { extname } from "node:path";
import { serialization, Tensor } from "@classifier-training/torch";
import { WeightsError } from "./errors.ts";

/** Keys under which checkpoints keep their weights, best first. */
const wrappers = ["state_dict_ema", "state_dict", "model_state_dict", "model_ema", "model"];
/** Prefixes that wrappers of modules leave on the names. */
const prefixes = ["module.", "_orig_mod.", "model.", "net.", "backbone."];

/**
 * Reads the weights of a model from a safetensors file or a PyTorch checkpoint (`.pth`, `.pt`, `.bin`, `.ckpt`), whatever
 * they are wrapped in.
 * @throws WeightsError `weights/file` when it holds no tensors or cannot be read.
 */
export async function readStateDict(path: string): Promise<Map<string, Tensor>> {
  const tree = await readTree(path);
  const found = unwrap(tree);
  if (found.size === 0) {
    throw new WeightsError({ code: "weights/file", what: `no weights found in ${path}` });
  }
  return found;
}

async function readTree(path: string): Promise<unknown> {
  const isSafetensors = extname(path) === ".safetensors" || !(await looksLikePickle(path));
  return isSafetensors
    ? serialization.loadSafetensors(path).tensors
    : serialization.loadPth(path, { unknownClasses: "opaque" });
}

/** A PyTorch file is a zip archive, or in old versions starts with a pickle's protocol byte. */
async function looksLikePickle(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(new Uint8Array(2), 0, 2, 0);
    return (buffer[0] === 0x50 && buffer[1] === 0x4b) || buffer[0] === 0x80;
  } finally {
    await file.close();
  }
}

/** The state dict inside a checkpoint's tree, with the prefixes of wrappers taken off its names. */
function unwrap(tree: unknown): Map<string, Tensor> {
  const entries = new Map(entriesOf(tree));
  const inner = wrappers.map((key) => entries.get(key)).find((value) => entriesOf(value).length > 0);
  if (inner !== undefined && ![...entries.values()].some((value) => value instanceof Tensor)) return unwrap(inner);
  let tensors = [...entries].filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
  for (let again = true; again; ) {
    again = false;
    for (const prefix of prefixes) {
      if (tensors.length === 0 || !tensors.every(([name]) => name.startsWith(prefix))) continue;
      tensors = tensors.map(([name, value]) => [name.slice(prefix.length), value]);
      again = true;
    }
  }
  return new Map(tensors);
}

function entriesOf(value: unknown): [string, unknown][] {
  if (value instanceof Map)
    return [...value].filter((entry): entry is [string, unknown] => typeof entry[0] === "string");
  if (typeof value === "object" && value !== null && !(value instanceof Tensor)) return Object.entries(value);
  return [];
}
