import { exportOnnx, GraphModule, type OnnxGraph, readOnnxGraph, simplifyGraph } from "@classifier-training/onnx";
import { fromTypedArray, manualSeed, nn, noGrad, randn, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { imageInputOf, ownNormalization, withRgbInput } from "./image-input.ts";

/** A convolution and a pool as a graph; `before` is what the network does to its input first. */
function graphOf(before: (x: Tensor) => Tensor, shape: readonly number[]): OnnxGraph {
  manualSeed(3);
  const layer = new nn.Conv2d(3, 4, { kernelSize: 3 });
  const forward = (x: Tensor) => nn.functional.adaptiveAvgPool2d(layer.call(before(x)), 1).flatten(1);
  return simplifyGraph(readOnnxGraph(exportOnnx(forward, randn([...shape])).bytes, "net.onnx"));
}

const bgr = (x: Tensor) => x.flip([1]);
const nhwc = (x: Tensor) => x.permute([0, 2, 3, 1]);

function largestDifference(graph: OnnxGraph, x: Tensor, expected: Tensor): number {
  return noGrad(() => Number(new GraphModule(graph).eval().call(x).sub(expected).abs().max().item()));
}

test.each([
  ["RGB", "NCHW"],
  ["BGR", "NCHW"],
  ["RGB", "NHWC"],
  ["BGR", "NHWC"],
] as const)("a network of %s images in %s takes RGB in NCHW", (colorOrder, layout) => {
  const isPlanar = layout === "NCHW";
  const before = isPlanar ? (x: Tensor) => x : (x: Tensor) => x.permute([0, 3, 1, 2]);
  const graph = graphOf(before, isPlanar ? [1, 3, 8, 8] : [1, 8, 8, 3]);
  const input = imageInputOf(graph, "net.onnx");
  expect(input).toMatchObject({ layout, height: 8, width: 8 });
  const image = randn([2, 3, 8, 8]);
  const asFile = colorOrder === "BGR" ? bgr(image) : image;
  const expected = noGrad(() => new GraphModule(graph).eval().call(isPlanar ? asFile : nhwc(asFile)));
  const turned = withRgbInput(graph, input, { colorOrder });
  expect(turned.inputs[0]).toMatchObject({ dtype: "float32", shape: ["N", 3, 8, 8] });
  expect(largestDifference(turned, image, expected)).toBeLessThan(1e-5);
  // Nothing is computed for it where a convolution comes first.
  expect(turned.nodes.some(({ op }) => op === "Gather" || op === "Transpose")).toBe(false);
});

test("colors are gathered where more than a convolution reads them", () => {
  const graph = graphOf((x) => x.relu(), [1, 3, 8, 8]);
  const image = randn([2, 3, 8, 8]);
  const expected = noGrad(() => new GraphModule(graph).eval().call(bgr(image)));
  const turned = withRgbInput(graph, imageInputOf(graph, "net.onnx"), { colorOrder: "BGR" });
  expect(turned.nodes[0]?.op).toBe("Gather");
  expect(largestDifference(turned, image, expected)).toBeLessThan(1e-5);
});

test("a network that normalizes its input itself takes plain pixels", () => {
  const own = (before: (x: Tensor) => Tensor) => {
    const graph = graphOf(before, [1, 3, 8, 8]);
    return ownNormalization(graph, imageInputOf(graph, "net.onnx"));
  };
  const mean = fromTypedArray(Float32Array.of(0.5, 0.4, 0.3), [1, 3, 1, 1]);
  expect(own((x) => x.div(255))).toBe("raw");
  expect(own((x) => x.mul(1 / 127.5).sub(1))).toBe("raw");
  expect(own((x) => x.sub(mean))).toBe("unit");
  expect(own((x) => x.relu())).toBeUndefined();
  expect(own((x) => x)).toBeUndefined();
});

test.each([
  [[{ name: "x", dtype: "float32" as const, shape: ["N", 1, 28, 28] }], /received 'x' \[N, 1, 28, 28\]/],
  [[{ name: "ids", dtype: "int64" as const, shape: ["N", 77] }], /\[N, 3, H, W\] or \[N, H, W, 3\]/],
  [[], /received none/],
])("a network that does not take color images is refused: %o", (inputs, message) => {
  const graph = { ...graphOf((x) => x, [1, 3, 8, 8]), inputs };
  expect(() => imageInputOf(graph, "net.onnx")).toThrow(message);
});
