import { fileURLToPath } from "node:url";
import type { Split } from "@classifier-training/base";
import {
  type Container,
  createDict,
  isConfig,
  load,
  registerResolver,
  select,
  toContainer,
} from "@classifier-training/hydra";
import { type Transform, targets } from "@classifier-training/image";

const recipe = fileURLToPath(new URL("../../conf/transforms/default.yaml", import.meta.url));

/**
 * `${classifier.resize_size:SIZE}`: the shorter side before a center crop, as in torchvision's recipes: 256 for 224. Images
 * for an input that is not square, [height, width], are resized to just that.
 */
export function registerResizeSize(): void {
  const resizeSize = (size: unknown) => (isConfig(size) ? size : Math.round((Number(size) * 256) / 224));
  registerResolver("classifier.resize_size", resizeSize, { replace: true });
}

/** Transforms of a data module that is given none: those of `transforms=default`. */
export function defaultTransform(split: Split, imageSize: number): Transform {
  registerResizeSize();
  const config = createDict({ data: { image_size: imageSize }, transforms: load(recipe) });
  const node = select(config, `transforms.${split}_transforms`) as Container;
  return build(toContainer(node, { resolve: true })) as Transform;
}

/** Builds nested targets as `instantiate` does, synchronously. */
function build(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(build);
  if (typeof node !== "object" || node === null) return node;
  const { _target_, ...options } = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, build(value)]));
  return _target_ === undefined ? options : targets[_target_ as string]?.invoke([], options);
}
