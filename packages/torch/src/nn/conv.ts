import { empty } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nnError } from "./errors.ts";
import { type ConvPadding, conv2d, convTranspose2d } from "./functional/conv.ts";
import { type PadMode, pad } from "./functional/pad.ts";
import { pair, type Size2d } from "./functional/size.ts";
import { kaimingUniform_ } from "./init.ts";
import { resetBias } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export type PaddingMode = "zeros" | Exclude<PadMode, "constant">;

export interface Conv2dOptions {
  readonly kernelSize: Size2d;
  readonly stride?: Size2d;
  readonly padding?: ConvPadding;
  readonly dilation?: Size2d;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly paddingMode?: PaddingMode;
}

/** 2-D convolution: [N, In, H, W] to [N, Out, H', W']. */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: ConvPadding;
  readonly dilation: readonly [number, number];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  /** [Out, In / groups, KH, KW] */
  weight: Parameter;
  /** [Out] */
  bias: Parameter | null;

  constructor(inChannels: number, outChannels: number, options: Conv2dOptions) {
    super();
    const {
      kernelSize,
      stride = 1,
      padding = 0,
      dilation = 1,
      groups = 1,
      bias = true,
      paddingMode = "zeros",
    } = options;
    checkGroups("Conv2d", groups, inChannels, outChannels);
    if (padding === "same" && pair(stride).some((step) => step !== 1)) {
      throw nnError("Conv2d: padding 'same' needs stride 1", "give the padding as a number");
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = pair(kernelSize);
    this.stride = pair(stride);
    this.padding = typeof padding === "string" ? padding : pair(padding);
    this.dilation = pair(dilation);
    this.groups = groups;
    this.paddingMode = paddingMode;
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...this.kernelSize]));
    this.bias = bias ? new Parameter(empty([outChannels])) : null;
    this.resetParameters();
  }

  /** PyTorch's default: uniform within `1 / sqrt(fan in)`. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    resetBias(this.bias, this.weight);
  }

  override forward(input: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation, groups, paddingMode } = this;
    if (paddingMode === "zeros") return conv2d(input, weight, { bias, stride, padding, dilation, groups });
    const padded = pad(input, this.#edges(), { mode: paddingMode });
    return conv2d(padded, weight, { bias, stride, dilation, groups });
  }

  /** [left, right, top, bottom]; `same` puts the odd pixel at the far end. */
  #edges(): number[] {
    if (this.padding === "valid") return [0, 0, 0, 0];
    if (this.padding !== "same") {
      const [height, width] = pair(this.padding);
      return [width, width, height, height];
    }
    return [1, 0].flatMap((dim) => {
      const total = (this.dilation[dim] as number) * ((this.kernelSize[dim] as number) - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
  }

  override extraRepr(): string {
    const parts = [
      `${this.inChannels}, ${this.outChannels}, kernel_size=(${this.kernelSize.join(", ")})`,
      `stride=(${this.stride.join(", ")})`,
    ];
    if (typeof this.padding === "string") parts.push(`padding=${this.padding}`);
    else if (pair(this.padding).some((size) => size !== 0)) parts.push(`padding=(${pair(this.padding).join(", ")})`);
    if (this.dilation.some((step) => step !== 1)) parts.push(`dilation=(${this.dilation.join(", ")})`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push("bias=false");
    if (this.paddingMode !== "zeros") parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(", ");
  }
}

export interface ConvTranspose2dOptions {
  readonly kernelSize: Size2d;
  readonly stride?: Size2d;
  readonly padding?: Size2d;
  readonly outputPadding?: Size2d;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly dilation?: Size2d;
}

/** The transpose of a 2-D convolution: [N, In, H, W] to [N, Out, H', W'], larger by the stride. */
export class ConvTranspose2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly outputPadding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  /** [In, Out / groups, KH, KW] */
  weight: Parameter;
  /** [Out] */
  bias: Parameter | null;

  constructor(inChannels: number, outChannels: number, options: ConvTranspose2dOptions) {
    super();
    const { kernelSize, stride = 1, padding = 0, outputPadding = 0, groups = 1, bias = true, dilation = 1 } = options;
    checkGroups("ConvTranspose2d", groups, inChannels, outChannels);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = pair(kernelSize);
    this.stride = pair(stride);
    this.padding = pair(padding);
    this.outputPadding = pair(outputPadding);
    this.dilation = pair(dilation);
    this.groups = groups;
    this.weight = new Parameter(empty([inChannels, outChannels / groups, ...this.kernelSize]));
    this.bias = bias ? new Parameter(empty([outChannels])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    resetBias(this.bias, this.weight);
  }

  override forward(input: Tensor): Tensor {
    const { weight, bias, stride, padding, outputPadding, groups, dilation } = this;
    return convTranspose2d(input, weight, { bias, stride, padding, outputPadding, groups, dilation });
  }

  override extraRepr(): string {
    return `${this.inChannels}, ${this.outChannels}, kernel_size=(${this.kernelSize.join(", ")}), stride=(${this.stride.join(", ")})`;
  }
}

function checkGroups(name: string, groups: number, inChannels: number, outChannels: number): void {
  if (groups >= 1 && inChannels % groups === 0 && outChannels % groups === 0) return;
  throw nnError(
    `${name}: ${inChannels} input and ${outChannels} output channels cannot be divided into ${groups} groups`,
    "both must be multiples of groups",
  );
}
