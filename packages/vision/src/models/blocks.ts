import { fused, isRecording, nn, type Tensor } from "@classifier-training/torch";
import type { Stage } from "./image-model.ts";

/**
 * Batch normalization, then the shortcut added if there is one, then ReLU: in one pass over memory where the engine has
 * a kernel for it. While a recorder listens the module itself is called, so that its hooks tell whose operator it is.
 */
export function batchNormReLU(norm: nn.BatchNorm2d, x: Tensor, residual?: Tensor): Tensor {
  if (!isRecording()) return fused.batchNormAct(x, norm, { residual });
  const out = norm.call(x);
  return nn.functional.relu(residual === undefined ? out : out.add(residual));
}

/**
 * The end of a residual block: normalization of the branch, stochastic depth, the shortcut, then ReLU. Without stochastic
 * depth it is one pass over memory.
 */
export function residualReLU(norm: nn.BatchNorm2d, x: Tensor, shortcut: Tensor, depth: nn.StochasticDepth): Tensor {
  if (depth.p === 0 || !depth.training) return batchNormReLU(norm, x, shortcut);
  return nn.functional.relu(depth.call(norm.call(x)).add(shortcut));
}

/** Modules that run one after another under their own names, as a `Sequential` of an OrderedDict does. */
export class NamedSequential<Item extends nn.TensorModule = nn.TensorModule> extends nn.Module {
  readonly #items: readonly Item[];

  constructor(items: Iterable<readonly [name: string, module: Item]>) {
    super();
    const entries = [...items];
    this.#items = entries.map(([, module]) => module);
    for (const [name, module] of entries) this.addModule(name, module);
  }

  *[Symbol.iterator](): Generator<Item> {
    yield* this.#items;
  }

  override forward(x: Tensor): Tensor {
    return this.#items.reduce((value, module) => module.call(value), x);
  }
}

/** Reorders the dimensions of its input. */
export class Permute extends nn.Module {
  readonly dims: readonly number[];

  constructor(dims: readonly number[]) {
    super();
    this.dims = dims;
  }

  override forward(x: Tensor): Tensor {
    return x.permute(this.dims);
  }
}

export interface ConvNormOptions {
  readonly kernelSize?: number;
  readonly stride?: number;
  readonly groups?: number;
  /** Made after the convolution. */
  readonly norm: (channels: number) => nn.Module;
  readonly activation?: (() => nn.Module) | undefined;
}

/** Convolution (without bias, padded to keep the size), normalization, activation: torchvision's `Conv2dNormActivation`. */
export class ConvNormActivation extends nn.Sequential {
  constructor(inChannels: number, outChannels: number, options: ConvNormOptions) {
    const { kernelSize = 3, stride = 1, groups = 1, norm, activation } = options;
    const padding = Math.floor((kernelSize - 1) / 2);
    super(
      new nn.Conv2d(inChannels, outChannels, { kernelSize, stride, padding, groups, bias: false }),
      norm(outChannels),
      ...(activation === undefined ? [] : [activation()]),
    );
  }

  override forward(x: Tensor): Tensor {
    const [conv, norm, activation] = this;
    if (conv !== undefined && norm instanceof nn.BatchNorm2d && activation instanceof nn.ReLU) {
      return batchNormReLU(norm, conv.call(x));
    }
    return super.forward(x);
  }
}

/** Rounds a number of channels to a multiple of 8, never more than 10% below (TensorFlow's rule for mobile networks). */
export function makeDivisible(channels: number, divisor = 8): number {
  const rounded = Math.max(divisor, Math.floor((channels + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * channels ? rounded + divisor : rounded;
}

/**
 * Stages of a mobile network, which change where the resolution does: `features.0` is the stem, `features.1` and so on
 * are the blocks.
 * @param strides Of each block. @param last What follows the blocks, except for the head: it goes with the last stage.
 */
export function stagesByStride(strides: readonly number[], last: readonly string[]): Stage[] {
  const stages: { name: string; modules: string[] }[] = [{ name: "stem", modules: ["features.0"] }];
  for (const [i, stride] of strides.entries()) {
    if (i === 0 || stride === 2) stages.push({ name: `stage${stages.length}`, modules: [] });
    stages.at(-1)?.modules.push(`features.${i + 1}`);
  }
  stages.at(-1)?.modules.push(...last);
  return stages;
}

/** Starts the weights of a mobile network: convolutions by Kaiming's rule over the outputs, linear layers by `initializeLinear`. */
export function initializeMobile(model: nn.Module, initializeLinear: (layer: nn.Linear) => void): void {
  for (const module of model.modules()) {
    if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight, { mode: "fan_out" });
    else if (module instanceof nn.Linear) initializeLinear(module);
    else continue;
    if (module.bias !== null) nn.init.zeros_(module.bias);
  }
}
