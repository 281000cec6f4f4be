import { manualSeed, nn, noGrad, rand, randn, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { checkOnnx, exportOnnx } from "../src/index.ts";
import { checkReadBack } from "./read-back.ts";

type Layer = readonly [make: () => nn.AnyModule, ...inputs: (() => Tensor)[]];

const images = () => randn([2, 4, 7, 6]);
const rows = () => randn([2, 6]);
const wide = () => randn([2, 6]).mul(8);
const tokens = () => randn([2, 5, 8]);

/** Layers with options that are not their defaults, by the name under which `nn` exports them. */
const layers: Readonly<Record<string, readonly Layer[]>> = {
  Linear: [
    [() => new nn.Linear(6, 3), rows],
    [() => new nn.Linear(8, 3, { bias: false }), tokens],
  ],
  Conv2d: [
    [() => new nn.Conv2d(4, 6, { kernelSize: 3, stride: 2, padding: 1, groups: 2 }), images],
    [() => new nn.Conv2d(4, 6, { kernelSize: [3, 1], dilation: 2, padding: "same" }), images],
    [() => new nn.Conv2d(4, 6, { kernelSize: 3, padding: [1, 2], paddingMode: "circular" }), images],
    [() => new nn.Conv2d(4, 6, { kernelSize: 3, padding: 2, paddingMode: "reflect", bias: false }), images],
    [() => new nn.Conv2d(4, 6, { kernelSize: 3, padding: 1, paddingMode: "replicate" }), images],
  ],
  ConvTranspose2d: [
    [() => new nn.ConvTranspose2d(4, 6, { kernelSize: 3, stride: 2, padding: 1, outputPadding: 1 }), images],
    [() => new nn.ConvTranspose2d(4, 6, { kernelSize: 2, groups: 2, dilation: 2, bias: false }), images],
  ],
  BatchNorm1d: [
    [() => new nn.BatchNorm1d(6), rows],
    [() => new nn.BatchNorm1d(5, { affine: false }), tokens],
  ],
  BatchNorm2d: [[() => new nn.BatchNorm2d(4, { eps: 0.1 }), images]],
  GroupNorm: [
    [() => new nn.GroupNorm(2, 4), images],
    [() => new nn.GroupNorm(3, 6, { affine: false }), rows],
  ],
  LayerNorm: [
    [() => new nn.LayerNorm(8, { eps: 0.1 }), tokens],
    [() => new nn.LayerNorm([7, 6], { elementwiseAffine: false }), images],
    [() => new nn.LayerNorm(8, { bias: false }), tokens],
  ],
  MaxPool2d: [
    [() => new nn.MaxPool2d(3, { stride: 2, padding: 1, ceilMode: true }), images],
    [() => new nn.MaxPool2d(2, { dilation: 2, stride: 3 }), images],
    [() => new nn.MaxPool2d(2, { stride: 3, ceilMode: true }), images],
  ],
  AvgPool2d: [
    [() => new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true }), images],
    [() => new nn.AvgPool2d(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }), images],
    [() => new nn.AvgPool2d([2, 3], { padding: [0, 1], divisorOverride: 5 }), images],
    [() => new nn.AvgPool2d(2, { stride: 3, ceilMode: true, divisorOverride: 3 }), images],
  ],
  AdaptiveAvgPool2d: [
    [() => new nn.AdaptiveAvgPool2d(1), images],
    [() => new nn.AdaptiveAvgPool2d([3, 4]), images],
    [() => new nn.AdaptiveAvgPool2d([9, null]), images],
  ],
  AdaptiveMaxPool2d: [
    [() => new nn.AdaptiveMaxPool2d([3, 4]), images],
    [() => new nn.AdaptiveMaxPool2d(7), images],
  ],
  ReLU: [[() => new nn.ReLU({ inplace: true }), rows]],
  ReLU6: [[() => new nn.ReLU6({ inplace: true }), wide]],
  Hardswish: [[() => new nn.Hardswish(), wide]],
  Hardsigmoid: [[() => new nn.Hardsigmoid(), wide]],
  SiLU: [[() => new nn.SiLU(), rows]],
  Mish: [[() => new nn.Mish(), wide]],
  GELU: [
    [() => new nn.GELU(), rows],
    [() => new nn.GELU({ approximate: "tanh" }), rows],
  ],
  LeakyReLU: [[() => new nn.LeakyReLU({ negativeSlope: 0.3 }), rows]],
  ELU: [[() => new nn.ELU({ alpha: 0.7 }), rows]],
  SELU: [[() => new nn.SELU(), rows]],
  Hardtanh: [[() => new nn.Hardtanh({ minVal: -0.5, maxVal: 0.7 }), rows]],
  Softplus: [
    [() => new nn.Softplus({ beta: 2, threshold: 1 }), rows],
    [() => new nn.Softplus(), wide],
  ],
  PReLU: [
    [() => new nn.PReLU({ numParameters: 4, init: 0.3 }), images],
    [() => new nn.PReLU(), rows],
  ],
  LogSigmoid: [[() => new nn.LogSigmoid(), wide]],
  Softsign: [[() => new nn.Softsign(), rows]],
  Sigmoid: [[() => new nn.Sigmoid(), rows]],
  Tanh: [[() => new nn.Tanh(), rows]],
  Softmax: [[() => new nn.Softmax(1), images]],
  LogSoftmax: [[() => new nn.LogSoftmax(-1), images]],
  Dropout: [[() => new nn.Dropout({ inplace: true }), rows]],
  Dropout2d: [[() => new nn.Dropout2d(), images]],
  StochasticDepth: [[() => new nn.StochasticDepth(0.5, "row"), images]],
  Flatten: [
    [() => new nn.Flatten(), images],
    [() => new nn.Flatten({ startDim: 2 }), images],
  ],
  Identity: [[() => new nn.Identity(), rows]],
  SqueezeExcitation: [[() => new nn.SqueezeExcitation(4, 2), images]],
  MultiheadAttention: [
    [() => new Attending({ batchFirst: true }), tokens],
    [() => new Attending({ batchFirst: true, attnMask: causalMask() }), tokens],
    [() => new Attending({ batchFirst: true, attnMask: randn([5, 5]) }), tokens],
    [
      () => new Attending({ batchFirst: true, dropout: 0.5, kdim: 4, vdim: 3 }),
      tokens,
      () => randn([2, 5, 4]),
      () => randn([2, 5, 3]),
    ],
  ],
  Sequential: [
    [() => new nn.Sequential(new nn.Linear(6, 4), new nn.ReLU({ inplace: true }), new nn.Linear(4, 2)), rows],
  ],
  ModuleList: [[() => new Branches(), rows]],
  ModuleDict: [[() => new Branches(), rows]],
};

/** True above the diagonal: positions that come later are hidden. */
function causalMask(): Tensor {
  return randn([5, 5]).fill_(1).triu(1).to({ dtype: "bool" });
}

class Attending extends nn.Module<Tensor[], readonly Tensor[]> {
  readonly attention: nn.MultiheadAttention;
  readonly #mask: Tensor | null;
  constructor({ attnMask = null, ...options }: nn.MultiheadAttentionOptions & { readonly attnMask?: Tensor | null }) {
    super();
    this.attention = new nn.MultiheadAttention(8, 2, options);
    this.#mask = attnMask;
  }
  override forward(query: Tensor, key = query, value = key): readonly Tensor[] {
    const { output, weights } = this.attention.call(query, key, value, { attnMask: this.#mask });
    return [output, weights as Tensor];
  }
}

class Branches extends nn.Module<[Tensor], Tensor> {
  readonly list = new nn.ModuleList([new nn.Linear(6, 3), new nn.Linear(6, 3)]);
  readonly named = new nn.ModuleDict({ gate: new nn.Linear(6, 3) });
  override forward(x: Tensor): Tensor {
    const [first, second] = [...this.list].map((layer) => layer.call(x) as Tensor) as [Tensor, Tensor];
    return first.mul((this.named.get("gate") as nn.Linear).call(x).sigmoid()).add(second);
  }
}

test("every layer that nn exports is among these, but for losses, which no deployed model has", () => {
  const isLayer = (value: unknown) => typeof value === "function" && value.prototype instanceof nn.Module;
  const exported = Object.entries(nn).flatMap(([name, value]) => (isLayer(value) ? [name] : []));
  expect(exported.length).toBeGreaterThan(40);
  expect(exported.filter((name) => layers[name] === undefined && !/Loss|CrossEntropy/.test(name))).toEqual([]);
});

const cases = Object.entries(layers).flatMap(([name, list]) =>
  list.map(([make, ...inputs], i) => [list.length === 1 ? name : `${name} (${i + 1})`, make, inputs] as const),
);

test.each(cases)(
  "%s gives the same numbers in ONNX Runtime and when read back, for two batch sizes",
  async (_, make, inputs) => {
    manualSeed(5);
    const layer = make();
    noGrad(() => {
      for (const buffer of layer.buffers()) if (buffer.isFloatingPoint) buffer.add_(rand([...buffer.shape]));
    });
    const examples = inputs.map((input) => input());
    const { bytes } = exportOnnx(layer, examples);
    const { batchSizes } = await checkOnnx(bytes, examples, layer, { atol: 2e-5, rtol: 1e-5 });
    expect(batchSizes).toEqual([2, 3]);
    await checkReadBack(bytes, examples, layer);
  },
);
