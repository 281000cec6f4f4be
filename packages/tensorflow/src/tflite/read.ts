import { TensorflowError } from "../errors.ts";
import { GraphBuilder, type Value } from "../graph/builder.ts";
import { batch, type Dim } from "../graph/dims.ts";
import type { ImagePreprocessing, TensorflowNetwork } from "../network.ts";
import { activation, clip } from "../ops/elementwise.ts";
import { constantOf, storedRange } from "./constants.ts";
import { readTfliteMetadata, type TfliteMetadata } from "./metadata.ts";
import { readTfliteModel, type TfliteModel, type TfliteOperator, type TfliteTensor } from "./model.ts";
import { type OperatorCall, operators } from "./operators.ts";

export interface TfliteOptions {
  /**
   * "float" (the default, for training): activations are not rounded; the bounds that a quantized range stands for are
   * kept. "quantized": QuantizeLinear and DequantizeLinear wherever the file has a quantized tensor.
   */
  readonly activations?: "float" | "quantized";
}

/**
 * Reads a `.tflite` file.
 * @param where The file's name, for errors.
 * @throws TensorflowError for a damaged file, an unsupported operator, control flow
 */
export function readTflite(bytes: Uint8Array, where: string, options: TfliteOptions = {}): TensorflowNetwork {
  const model = readTfliteModel(bytes, where);
  const metadata = readTfliteMetadata(bytes, model, where);
  const [image] = model.inputs.map((index) => model.tensors[index]);
  if (image === undefined) throw new TensorflowError({ code: "tensorflow/format", what: "no input", where });
  const builder = new GraphBuilder(where, Math.max(image.shape[0] ?? 1, 1));
  const network = new Network(builder, model, options.activations ?? "float", 64 * 2 ** 20 + 16 * bytes.length);
  const outputs = network.run();
  return {
    graph: builder.finish(outputs, {}, `TensorFlow Lite ${model.description}`.trim()),
    preprocessing: preprocessingOf(image, metadata),
    labels: metadata.labels,
  };
}

class Network {
  readonly #b: GraphBuilder;
  readonly #model: TfliteModel;
  readonly #activations: "float" | "quantized";
  readonly #values = new Map<number, Value>();
  /** Bytes that constants may still take: many tensors can name the same bytes of the file. */
  #budget: number;

  constructor(b: GraphBuilder, model: TfliteModel, activations: "float" | "quantized", budget: number) {
    this.#b = b;
    this.#model = model;
    this.#activations = activations;
    this.#budget = budget;
  }

  run(): Value[] {
    for (const index of this.#model.inputs) this.#values.set(index, this.#input(this.#tensor(index)));
    for (const operator of this.#model.operators) this.#operator(operator);
    return this.#model.outputs.map((index) => this.#value(index));
  }

  #tensor(index: number): TfliteTensor {
    return this.#model.tensors[index] as TfliteTensor;
  }

  #input(tensor: TfliteTensor): Value {
    const { name, type } = tensor;
    this.#b.at(name, "input");
    if (type !== "float32" && type !== "float16" && storedRange(type) === undefined) {
      throw this.#b.error(`expected an image as float32, uint8, int8 or int16, received ${type}`);
    }
    const shape = tensor.shape.map((size, axis): Dim => (axis === 0 ? batch : size > 0 ? size : "unknown"));
    const value = this.#b.input(name, "float32", shape, isNhwc(shape));
    return this.#rounded(value, tensor);
  }

  #operator({ type, inputs, outputs, options }: TfliteOperator): void {
    const tensors = outputs.filter((index) => index !== -1).map((index) => this.#tensor(index));
    this.#b.at(tensors[0]?.name ?? "", type);
    const apply = Object.hasOwn(operators, type) ? operators[type] : undefined;
    if (apply === undefined) throw this.#b.error(`unsupported operator ${type}`, unsupportedFix(type));
    const call: OperatorCall = {
      b: this.#b,
      inputs: inputs.length,
      input: (i) => this.#value(inputs[i] ?? -1),
      optional: (i) => ((inputs[i] ?? -1) === -1 ? undefined : this.#value(inputs[i] as number)),
      integers: (i) => this.#b.numbers(this.#value(inputs[i] ?? -1), `input ${i}`),
      int: (field, missing) => options?.int(field, missing) ?? missing ?? 0,
      byte: (field) => options?.byte(field) ?? 0,
      float: (field) => options?.float(field) ?? 0,
      bool: (field) => options?.bool(field) ?? false,
      ints: (field) => options?.ints(field) ?? [],
    };
    const results = [apply(call)].flat();
    const bounded = clampedOperators.has(type) && isPlainActivation(type, call);
    outputs.forEach((index, i) => {
      const result = results[i];
      if (result === undefined || index === -1) return;
      const tensor = this.#tensor(index);
      const value = bounded && this.#activations === "float" ? this.#clamped(result, tensor) : result;
      this.#values.set(index, this.#rounded(value, tensor));
    });
  }

  #value(index: number): Value {
    const known = this.#values.get(index);
    if (known !== undefined) return known;
    const tensor = index === -1 ? undefined : this.#tensor(index);
    if (tensor === undefined) throw this.#b.error("an input is missing");
    if (tensor.data.length === 0) throw this.#b.error(`reads '${tensor.name}' before it is computed`);
    const value = constantOf(this.#b, tensor, this.#activations === "quantized");
    this.#budget -= value.data?.length ?? 0;
    if (this.#budget < 0) throw this.#b.error("the constants of the file are many times larger than the file");
    this.#values.set(index, value);
    return value;
  }

  /** Rounds to the tensor's quantization, as the file's own runtime does. */
  #rounded(value: Value, { type, quantization }: TfliteTensor): Value {
    const range = storedRange(type);
    if (this.#activations === "float" || quantization === undefined || (value.data ?? value.known) !== undefined)
      return value;
    if (range === undefined || type === "int16") return value;
    const [scale, zeroPoint] = [quantization.scales[0] as number, quantization.zeroPoints[0] as number];
    const parameters = [
      this.#b.scalar("scale", scale),
      this.#b.constant("zero_point", type as "int8", [], Uint8Array.of(zeroPoint)),
    ];
    const stored = this.#b.node("QuantizeLinear", [value, ...parameters], {}, { ...value, dtype: type as "int8" });
    return this.#b.node("DequantizeLinear", [stored, ...parameters], {}, { ...value, dtype: "float32" });
  }

  /** A quantized range that begins at zero is a ReLU, one that ends at 6 a ReLU6: the file has them nowhere else. */
  #clamped(value: Value, { type, quantization }: TfliteTensor): Value {
    const range = storedRange(type);
    if (range === undefined || quantization === undefined) return value;
    const [scale, zeroPoint] = [quantization.scales[0] as number, quantization.zeroPoints[0] as number];
    if (zeroPoint !== range[0]) return value;
    const high = scale * (range[1] - zeroPoint);
    return Math.abs(high - 6) <= scale ? clip(this.#b, value, 0, 6) : activation(this.#b, "relu", value);
  }
}

/** Operators whose results may be negative, and the number of the option that may already bound them. */
const clampedOperators: ReadonlyMap<string, number> = new Map([
  ["CONV_2D", 3],
  ["DEPTHWISE_CONV_2D", 4],
  ["TRANSPOSE_CONV", 3],
  ["FULLY_CONNECTED", 0],
  ["ADD", 0],
  ["SUB", 0],
  ["MUL", 0],
]);

function isPlainActivation(type: string, call: OperatorCall): boolean {
  return call.byte(clampedOperators.get(type) as number) === 0;
}

/** Images are NHWC in TensorFlow; networks that were converted from PyTorch may take NCHW. */
function isNhwc(shape: readonly Dim[]): boolean {
  const isColor = (dim: Dim | undefined) => dim === 1 || dim === 3 || dim === 4;
  return shape.length === 4 && (isColor(shape[3]) || !isColor(shape[1]));
}

function unsupportedFix(type: string): string {
  if (type === "CUSTOM edgetpu-custom-op")
    return "use the file from before the Edge TPU compiler (without _edgetpu in its name)";
  if (type.startsWith("CUSTOM")) return "convert the model without custom operators";
  if (["IF", "WHILE", "CALL", "CALL_ONCE"].includes(type)) return "export the model without control flow";
  return "see the list of operators in the README of @classifier-training/tensorflow";
}

function preprocessingOf(image: TfliteTensor, metadata: TfliteMetadata): ImagePreprocessing | undefined {
  const nhwc = isNhwc(image.shape);
  const [height, width, channels] = nhwc ? image.shape.slice(1) : [image.shape[2], image.shape[3], image.shape[1]];
  const normalization = image.type === "uint8" ? undefined : metadata.normalization;
  const offset = image.type === "int8" ? 128 : 0;
  const { scales = [], zeroPoints = [] } = image.quantization ?? {};
  const [scale, zeroPoint] = [scales[0], zeroPoints[0]];
  let mean: readonly number[];
  let std: readonly number[];
  if (normalization !== undefined) {
    mean = normalization.mean.map((value) => value / 255);
    std = normalization.std.map((value) => value / 255);
  } else if (scale !== undefined && zeroPoint !== undefined && (image.type === "uint8" || image.type === "int8")) {
    // The stored number is the pixel, from 0 to 255: real = scale * (pixel - offset - zeroPoint).
    mean = [(zeroPoint + offset) / 255];
    std = [1 / (255 * scale)];
  } else return undefined;
  if (channels !== 3) return undefined;
  const three = (values: readonly number[]) => {
    const [r = 0, g = r, b = r] = values;
    return [r, g, b] as const;
  };
  const size = (value: number | undefined) => (value !== undefined && value > 0 ? value : undefined);
  return {
    colorOrder: "RGB",
    layout: nhwc ? "NHWC" : "NCHW",
    height: size(height),
    width: size(width),
    mean: three(mean),
    std: three(std),
  };
}
