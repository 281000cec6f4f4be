import type { GraphNode } from "./graph.ts";

/** Kinds of tensors of a layer, as the last part of their names. */
const parts = /\.(weight|bias|gamma|beta|kernel|scale|running_mean|running_var)$/;

/**
 * Where a layer belongs in the tree of modules: where its weight has the name of a state dict (`layer1.0.conv1.weight`), there;
 * else where the node's name says (`/layer1/layer1.0/conv1/Conv` is PyTorch's name for it).
 */
export function layerPath(node: GraphNode, weight: string | undefined): string {
  if (weight !== undefined && /^[\w.-]+$/.test(weight) && parts.test(weight)) return weight.replace(parts, "");
  return nodePath(node);
}

/** The path that a node's name says. */
export function nodePath({ name, op }: GraphNode): string {
  const pieces = name.split("/").filter((piece) => piece !== "");
  // PyTorch's last piece is the operator, and this package's; others' may be the layer's own.
  const isOperator = name.startsWith("/") || pieces.at(-1)?.replace(/_\d+$/, "") === op;
  if (isOperator && pieces.length > 1) pieces.pop();
  let path = "";
  for (const piece of pieces) {
    // `layer1`, then `layer1.0`: the second is the whole path below the first.
    const last = path
      .split(".")
      .slice(-piece.split(".").length + 1)
      .join(".");
    if (last !== "" && piece.startsWith(`${last}.`)) path = `${path}${piece.slice(last.length)}`;
    else path = path === "" ? piece : `${path}.${piece}`;
  }
  return path.replace(/[^\w.]/g, "_") || "layer";
}
