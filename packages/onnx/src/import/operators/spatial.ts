import { nn, type Tensor } from "@classifier-training/torch";
import { asTensor, checkedSize, HostValue, hostValue, integersOf, type Value } from "../values.ts";
import { aten, type NodeSetup, type Operator, type OperatorTable } from "./setup.ts";

const padModes = { constant: "constant", reflect: "reflect", edge: "replicate", wrap: "circular" } as const;

/** A list of all the starts, then all the ends, of all axes or of those that are given. */
const pad: Operator = (setup) => {
  const mode = padModes[setup.text("mode", "constant") as keyof typeof padModes];
  if (mode === undefined) throw setup.unsupported(`mode ${setup.text("mode", "")}`);
  return (input, given, constant, axesGiven) => {
    const x = asTensor(input as Value);
    const list = given === undefined ? (setup.numbers("pads") ?? []) : integersOf(given);
    const value = constant === undefined ? setup.number("value", 0) : (integersOf(constant)[0] ?? 0);
    const axes =
      axesGiven === undefined ? x.shape.map((_, i) => i) : integersOf(axesGiven).map((a) => (a < 0 ? a + x.ndim : a));
    const pairs = new Map(axes.map((axis, i) => [axis, [list[i] ?? 0, list[axes.length + i] ?? 0] as const]));
    checkedSize(
      x.shape.map((size, axis) => size + (pairs.get(axis) ?? [0, 0]).reduce((a, b) => a + b)),
      "Pad",
    );
    const padding = x.shape.map((_, i) => pairs.get(x.ndim - 1 - i) ?? [0, 0]);
    // The other modes want no more axes than are padded.
    while (padding.length > 1 && padding.at(-1)?.every((one) => one === 0)) padding.pop();
    if (padding.flat().every((one) => one === 0)) return x;
    return nn.functional.pad(x, padding.flat(), mode === "constant" ? { value } : { mode });
  };
};

/** How an output's position maps to one in the input. */
function coordinatesOf(setup: NodeSetup): (at: number, from: number, to: number, scale: number) => number {
  const mode =
    setup.node.op === "Upsample"
      ? "asymmetric"
      : setup.text("coordinate_transformation_mode", setup.opset < 11 ? "asymmetric" : "half_pixel");
  switch (mode) {
    case "half_pixel":
      return (at, _from, _to, scale) => (at + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return (at, _from, to, scale) => (to > 1 ? (at + 0.5) / scale - 0.5 : 0);
    case "half_pixel_symmetric":
      return (at, from, to, scale) => {
        const adjustment = to / (scale * from);
        return (from / 2) * (1 - adjustment) + (at + 0.5) / scale - 0.5;
      };
    case "align_corners":
      return (at, from, to) => (to > 1 ? (at * (from - 1)) / (to - 1) : 0);
    case "asymmetric":
      return (at, _from, _to, scale) => at / scale;
    default:
      throw setup.unsupported(`coordinate_transformation_mode ${mode}`);
  }
}

const nearestModes: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** The input's positions and weights of an output's position. */
type Taps = (at: number) => readonly (readonly [index: number, weight: number])[];

const cubic = (distance: number, a: number) => {
  const d = Math.abs(distance);
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
};

function tapsOf(setup: NodeSetup): Taps {
  const mode = setup.text("mode", "nearest");
  if (mode === "nearest") {
    const round =
      nearestModes[
        setup.node.op === "Upsample" || setup.opset < 11 ? "floor" : setup.text("nearest_mode", "round_prefer_floor")
      ];
    if (round === undefined) throw setup.unsupported(`nearest_mode ${setup.text("nearest_mode", "")}`);
    return (at) => [[round(at), 1]];
  }
  if (mode === "linear" || mode === "bilinear") {
    return (at) => {
      const low = Math.floor(at);
      return [
        [low, 1 - (at - low)],
        [low + 1, at - low],
      ];
    };
  }
  if (mode !== "cubic" || setup.number("exclude_outside", 0) === 1) throw setup.unsupported(`mode ${mode}`);
  const a = setup.number("cubic_coeff_a", -0.75);
  return (at) => [-1, 0, 1, 2].map((step) => [Math.floor(at) + step, cubic(at - Math.floor(at) - step, a)] as const);
}

/**
 * Resizing axis by axis: any rule of coordinates. What LibTorch has a kernel for goes there: it is faster, and its export
 * keeps sizes dynamic.
 */
const resize: Operator = (setup) => {
  if (setup.number("antialias", 0) === 1) throw setup.unsupported("antialias");
  if (setup.text("keep_aspect_ratio_policy", "stretch") !== "stretch")
    throw setup.unsupported("keep_aspect_ratio_policy");
  const place = coordinatesOf(setup);
  const taps = tapsOf(setup);
  const mode = setup.text("mode", "nearest");
  const rule = setup.text("coordinate_transformation_mode", "half_pixel");
  const isLinear =
    mode === "linear" && ["half_pixel", "pytorch_half_pixel", "align_corners"].includes(rule) && setup.opset >= 11;
  const axesGiven = setup.numbers("axes");
  return (input, ...rest) => {
    const x = asTensor(input as Value);
    const [scalesInput, sizesInput] = setup.opset < 11 ? [rest[0], undefined] : [rest[1], rest[2]];
    const scales =
      scalesInput === undefined || scalesInput.shape[0] === 0 ? setup.numbers("scales") : integersOf(scalesInput);
    const sizes = sizesInput === undefined ? undefined : integersOf(sizesInput);
    const axes = axesGiven?.map((axis) => (axis < 0 ? axis + x.ndim : axis)) ?? x.shape.map((_, i) => i);
    const changes = axes.map((axis, i) => {
      const from = x.shape[axis] ?? 0;
      const to = sizes?.[i] ?? Math.floor(from * (scales?.[i] ?? 1));
      return { axis, from, to, scale: sizes === undefined ? (scales?.[i] ?? 1) : to / from };
    });
    const changed = changes.filter(({ from, to }) => from !== to);
    checkedSize(
      x.shape.map((size, axis) => changes.find((one) => one.axis === axis)?.to ?? size),
      "Resize",
    );
    const isExact = changed.every(({ from, to, scale }) => Math.abs(from * scale - to) < 1e-6 * to);
    if (isLinear && x.ndim === 4 && isExact && changed.length > 0 && changed.every(({ axis }) => axis >= 2)) {
      const size = [2, 3].map((axis) => changes.find((one) => one.axis === axis)?.to ?? x.shape[axis]) as [
        number,
        number,
      ];
      return nn.functional.interpolate(x, size, { mode: "bilinear", alignCorners: rule === "align_corners" });
    }
    return changed.reduce((value, { axis, from, to, scale }) => {
      const places = Array.from({ length: to }, (_, at) => taps(place(at, from, to, scale)));
      const parts = (places[0] ?? []).map((_, tap) => {
        const indices = places.map((list) => Math.min(from - 1, Math.max(0, list[tap]?.[0] ?? 0)));
        const taken = value.indexSelect(axis, asTensor(hostValue(indices)));
        const weights = places.map((list) => list[tap]?.[1] ?? 0);
        if (weights.every((weight) => weight === 1)) return taken;
        const shape = value.shape.map((_, i) => (i === axis ? to : 1));
        return taken.mul(asTensor(new HostValue("float32", shape, weights)).to({ dtype: value.dtype }));
      });
      return parts.slice(1).reduce((sum, part) => sum.add(part), parts[0] as Tensor);
    }, x);
  };
};

/** [N, C b b, H, W] to [N, C, H b, W b]. */
const depthToSpace: Operator = (setup) => {
  const block = setup.number("blocksize", 1);
  const isDcr = setup.text("mode", "DCR") === "DCR";
  return (value) => {
    const x = asTensor(value as Value);
    if (!isDcr) return aten("pixel_shuffle", x, block);
    const [n = 0, c = 0, h = 0, w = 0] = x.shape;
    const depth = c / block ** 2;
    return x
      .reshape([n, block, block, depth, h, w])
      .permute([0, 3, 4, 1, 5, 2])
      .reshape([n, depth, h * block, w * block]);
  };
};

/** [N, C, H b, W b] to [N, b b C, H, W]. */
const spaceToDepth: Operator = (setup) => {
  const block = setup.number("blocksize", 1);
  return (value) => {
    const x = asTensor(value as Value);
    const [n = 0, c = 0, h = 0, w = 0] = x.shape;
    const split = x.reshape([n, c, h / block, block, w / block, block]);
    return split.permute([0, 3, 5, 1, 2, 4]).reshape([n, c * block ** 2, h / block, w / block]);
  };
};

export const spatialOperators: OperatorTable = {
  Pad: pad,
  Resize: resize,
  Upsample: resize,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
