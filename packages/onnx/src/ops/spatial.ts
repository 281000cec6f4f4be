import type { GraphBuilder, Value } from "../graph/builder.ts";
import { isDynamic } from "../graph/dims.ts";
import type { Converter, ConverterTable, OpCall } from "./call.ts";

/** Padding; PyTorch lists the last axis first. */
function pad(fixedMode?: string): Converter {
  return (call, graph) => {
    const self = call.tensor("self");
    const mode = fixedMode ?? call.text("mode", "constant");
    const amounts = call.ints(call.has("pad") ? "pad" : "padding");
    const pairs = amounts.flatMap((start, i): [number, number, number][] =>
      i % 2 === 0 ? [[self.shape.length - 1 - i / 2, start, amounts[i + 1] ?? 0]] : [],
    );
    if (mode === "circular") return pairs.reduce((name, pair) => circular(call, graph, self, name, pair), self.name);
    const onnxMode = { constant: "constant", reflect: "reflect", replicate: "edge" }[mode];
    if (onnxMode === undefined) throw call.unsupported(`padding mode '${mode}' has no converter`);
    const starts = new Array<number>(self.shape.length).fill(0);
    const ends = new Array<number>(self.shape.length).fill(0);
    for (const [axis, start, end] of pairs) [starts[axis], ends[axis]] = [start, end];
    const value = graph.scalar(call.has("value") ? call.number("value") : 0, self.dtype);
    return graph.node("Pad", [self.name, graph.ints([...starts, ...ends]), value], { mode: onnxMode });
  };
}

/** The end of the axis before its start, and its start after its end: this opset's Pad does not wrap. */
function circular(
  call: OpCall,
  graph: GraphBuilder,
  self: Value,
  name: string,
  [axis, start, end]: readonly [number, number, number],
): string {
  if (start < 0 || end < 0) throw call.unsupported("negative circular padding has no converter");
  const part = (from: number, to: number) =>
    graph.node("Slice", [name, graph.ints([from]), graph.ints([to]), graph.ints([axis])]);
  const before = start > 0 ? [part(-start, Number.MAX_SAFE_INTEGER)] : [];
  const after = end > 0 ? [part(0, end)] : [];
  if (self.shape[axis] === undefined || before.length + after.length === 0) return name;
  return graph.node("Concat", [...before, name, ...after], { axis });
}

/**
 * Resizing by the sizes of the result. @param coordinates how ONNX calls the rule that maps an output's position to an
 * input's; with `align_corners` another one holds
 */
function interpolate(mode: "nearest" | "linear" | "cubic", coordinates: string, rounding?: string): Converter {
  return (call, graph) => {
    const self = call.operand;
    refuseOddScales(call, self);
    call.ignore("output_size");
    const align = mode !== "nearest" && call.boolean("align_corners");
    return graph.node("Resize", [self.name, undefined, undefined, graph.shape(call.result.shape)], {
      mode,
      coordinate_transformation_mode: align ? "align_corners" : coordinates,
      ...(rounding !== undefined ? { nearest_mode: rounding } : {}),
      ...(mode === "cubic" ? { cubic_coeff_a: { float: -0.75 } } : {}),
    });
  };
}

/** PyTorch maps positions by a given factor, ONNX by the ratio of the sizes: the same unless the factor was rounded. */
function refuseOddScales(call: OpCall, self: Value): void {
  const list = call.has("scale_factors") ? (call.raw("scale_factors") as unknown[]) : [];
  const named = ["scales", "scales_d", "scales_h", "scales_w"].filter((key) => call.has(key));
  const factors = list.length > 0 ? list.map(Number) : named.map((key) => call.number(key));
  for (const [i, factor] of factors.entries()) {
    const axis = self.shape.length - factors.length + i;
    const [from, to] = [self.shape[axis] ?? 1, call.result.shape[axis] ?? 1];
    if (isDynamic(from) || isDynamic(to)) continue;
    if (Math.abs(from * factor - to) > 1e-6 * to) {
      throw call.unsupported(
        `a scale factor of ${factor} does not turn ${from} into an integer`,
        "give the size instead",
      );
    }
  }
}

/** [N, C r^2, H, W] to [N, C, H r, W r]. */
const pixelShuffle: Converter = (call, graph) =>
  graph.node("DepthToSpace", [call.tensor("self").name], {
    blocksize: call.number("upscale_factor"),
    mode: "CRD",
  });

/** [N, C, H r, W r] to [N, C r^2, H, W]. */
const pixelUnshuffle: Converter = (call, graph) => {
  const { name } = call.tensor("self");
  const factor = call.number("downscale_factor");
  const [batch = 1, , height = 1, width = 1] = call.result.shape;
  const channels = call.fixedSize(call.tensor("self"), 1);
  const split = graph.node("Reshape", [name, graph.shape([batch, channels, height, factor, width, factor])]);
  const moved = graph.node("Transpose", [split], { perm: [0, 1, 3, 5, 2, 4] });
  return graph.node("Reshape", [moved, graph.reshapeTarget(call.result.shape)]);
};

const channelShuffle: Converter = (call, graph) => {
  const self = call.tensor("self");
  const groups = call.number("groups");
  const [batch = 1, , ...spatial] = self.shape;
  const channels = call.fixedSize(self, 1);
  const split = graph.node("Reshape", [self.name, graph.shape([batch, groups, channels / groups, ...spatial])]);
  const perm = [0, 2, 1, ...spatial.map((_, i) => i + 3)];
  const moved = graph.node("Transpose", [split], { perm });
  return graph.node("Reshape", [moved, graph.reshapeTarget(self.shape)]);
};

const nearest = interpolate("nearest", "asymmetric", "floor");
const nearestExact = interpolate("nearest", "half_pixel", "round_prefer_ceil");
const linear = interpolate("linear", "half_pixel");

export const spatialOps: ConverterTable = {
  pad: pad(),
  constant_pad_nd: pad("constant"),
  reflection_pad1d: pad("reflect"),
  reflection_pad2d: pad("reflect"),
  replication_pad1d: pad("replicate"),
  replication_pad2d: pad("replicate"),
  replication_pad3d: pad("replicate"),
  _pad_circular: pad("circular"),
  upsample_nearest1d: nearest,
  upsample_nearest2d: nearest,
  upsample_nearest3d: nearest,
  _upsample_nearest_exact1d: nearestExact,
  _upsample_nearest_exact2d: nearestExact,
  upsample_linear1d: linear,
  upsample_bilinear2d: linear,
  upsample_trilinear3d: linear,
  upsample_bicubic2d: interpolate("cubic", "half_pixel"),
  pixel_shuffle: pixelShuffle,
  pixel_unshuffle: pixelUnshuffle,
  channel_shuffle: channelShuffle,
};
