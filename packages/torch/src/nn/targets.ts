import { optionsTarget, refusedTarget, type Target, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
import { tensor } from "../tensor/create.ts";
import * as activation from "./activation.ts";
import { MultiheadAttention } from "./attention.ts";
import { BatchNorm1d, BatchNorm2d } from "./batch-norm.ts";
import { Sequential, type TensorModule } from "./containers.ts";
import { Conv2d, ConvTranspose2d } from "./conv.ts";
import { Dropout, Dropout2d, StochasticDepth } from "./dropout.ts";
import { nnError } from "./errors.ts";
import { Linear } from "./linear.ts";
import * as loss from "./loss.ts";
import { GroupNorm, LayerNorm } from "./norm.ts";
import { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d } from "./pooling.ts";
import { Flatten, Identity } from "./shape.ts";
import { SqueezeExcitation } from "./squeeze-excitation.ts";

type Layer = new (...args: never[]) => unknown;

/**
 * A layer's target.
 * @param required its positional arguments, by name
 * @param options the keys of its options object, in the order of PyTorch's arguments
 */
function layer(make: Layer, required: readonly string[] = [], options: readonly string[] = []): Target {
  const keys = [...required, ...options];
  const schema = z.strictObject(Object.fromEntries(keys.map((key) => [key, z.unknown().optional()])));
  return optionsTarget(schema, (given) => {
    const missing = required.filter((key) => given[key] === undefined);
    if (missing.length > 0) throw nnError(`${make.name}: ${missing.join(" and ")} must be given`);
    const chosen = options.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]);
    return Reflect.construct(make, [...required.map((key) => given[key]), Object.fromEntries(chosen)]);
  });
}

/** A loss's target; class weights may be written as a list. */
function lossTarget(make: Layer, options: readonly string[]): Target {
  const weights = z.unknown().transform((value) => (Array.isArray(value) ? tensor(value as number[]) : value));
  const shape = options.map((key) => [key, /weight/i.test(key) ? weights.optional() : z.unknown().optional()]);
  return optionsTarget(z.strictObject(Object.fromEntries(shape)), (given) => {
    const chosen = Object.entries(given).filter(([, value]) => value !== undefined);
    return Reflect.construct(make, [Object.fromEntries(chosen)]);
  });
}

const batchNormOptions = ["eps", "momentum", "affine", "trackRunningStats"];
const convChannels = ["inChannels", "outChannels"];

/** `torch.nn.*` (and torchvision's layers that are here) as a configuration names them. */
export const nnTargets: TargetTable = {
  "torch.nn.Linear": layer(Linear, ["inFeatures", "outFeatures"], ["bias"]),
  "torch.nn.Conv2d": layer(Conv2d, convChannels, [
    "kernelSize",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "paddingMode",
  ]),
  "torch.nn.ConvTranspose2d": layer(ConvTranspose2d, convChannels, [
    "kernelSize",
    "stride",
    "padding",
    "outputPadding",
    "groups",
    "bias",
    "dilation",
  ]),
  "torch.nn.BatchNorm1d": layer(BatchNorm1d, ["numFeatures"], batchNormOptions),
  "torch.nn.BatchNorm2d": layer(BatchNorm2d, ["numFeatures"], batchNormOptions),
  "torch.nn.GroupNorm": layer(GroupNorm, ["numGroups", "numChannels"], ["eps", "affine"]),
  "torch.nn.LayerNorm": layer(LayerNorm, ["normalizedShape"], ["eps", "elementwiseAffine", "bias"]),
  "torch.nn.MaxPool2d": layer(MaxPool2d, ["kernelSize"], ["stride", "padding", "dilation", "ceilMode"]),
  "torch.nn.AvgPool2d": layer(
    AvgPool2d,
    ["kernelSize"],
    ["stride", "padding", "ceilMode", "countIncludePad", "divisorOverride"],
  ),
  "torch.nn.AdaptiveAvgPool2d": layer(AdaptiveAvgPool2d, ["outputSize"]),
  "torch.nn.AdaptiveMaxPool2d": layer(AdaptiveMaxPool2d, ["outputSize"]),
  "torch.nn.ReLU": layer(activation.ReLU, [], ["inplace"]),
  "torch.nn.ReLU6": layer(activation.ReLU6, [], ["inplace"]),
  "torch.nn.Hardswish": layer(activation.Hardswish, [], ["inplace"]),
  "torch.nn.Hardsigmoid": layer(activation.Hardsigmoid, [], ["inplace"]),
  "torch.nn.SiLU": layer(activation.SiLU, [], ["inplace"]),
  "torch.nn.Mish": layer(activation.Mish, [], ["inplace"]),
  "torch.nn.GELU": layer(activation.GELU, [], ["approximate"]),
  "torch.nn.LeakyReLU": layer(activation.LeakyReLU, [], ["negativeSlope", "inplace"]),
  "torch.nn.ELU": layer(activation.ELU, [], ["alpha", "inplace"]),
  "torch.nn.SELU": layer(activation.SELU, [], ["inplace"]),
  "torch.nn.Hardtanh": layer(activation.Hardtanh, [], ["minVal", "maxVal", "inplace"]),
  "torch.nn.Softplus": layer(activation.Softplus, [], ["beta", "threshold"]),
  "torch.nn.PReLU": layer(activation.PReLU, [], ["numParameters", "init"]),
  "torch.nn.LogSigmoid": layer(activation.LogSigmoid),
  "torch.nn.Softsign": layer(activation.Softsign),
  "torch.nn.Sigmoid": layer(activation.Sigmoid),
  "torch.nn.Tanh": layer(activation.Tanh),
  "torch.nn.Softmax": layer(activation.Softmax, ["dim"]),
  "torch.nn.LogSoftmax": layer(activation.LogSoftmax, ["dim"]),
  "torch.nn.Dropout": layer(Dropout, [], ["p", "inplace"]),
  "torch.nn.Dropout2d": layer(Dropout2d, [], ["p"]),
  "torch.nn.Flatten": layer(Flatten, [], ["startDim", "endDim"]),
  "torch.nn.Identity": layer(Identity),
  "torch.nn.Sequential": {
    invoke: (args) => new Sequential(...(args as readonly TensorModule[])),
  },
  "torch.nn.MultiheadAttention": layer(
    MultiheadAttention,
    ["embedDim", "numHeads"],
    ["dropout", "bias", "kdim", "vdim", "batchFirst"],
  ),
  "torchvision.ops.StochasticDepth": layer(StochasticDepth, ["p", "mode"]),
  "torchvision.ops.SqueezeExcitation": layer(SqueezeExcitation, ["inputChannels", "squeezeChannels"]),
  "torch.nn.CrossEntropyLoss": lossTarget(loss.CrossEntropyLoss, [
    "weight",
    "ignoreIndex",
    "reduction",
    "labelSmoothing",
  ]),
  "torch.nn.NLLLoss": lossTarget(loss.NLLLoss, ["weight", "ignoreIndex", "reduction"]),
  "torch.nn.BCELoss": lossTarget(loss.BCELoss, ["weight", "reduction"]),
  "torch.nn.BCEWithLogitsLoss": lossTarget(loss.BCEWithLogitsLoss, ["weight", "reduction", "posWeight"]),
  "torch.nn.MSELoss": lossTarget(loss.MSELoss, ["reduction"]),
  "timm.loss.LabelSmoothingCrossEntropy": optionsTarget(
    z.strictObject({ smoothing: z.number().min(0).lt(1).default(0.1) }),
    ({ smoothing }) => new loss.CrossEntropyLoss({ labelSmoothing: smoothing }),
  ),
  "timm.loss.SoftTargetCrossEntropy": optionsTarget(z.strictObject({}), () => new loss.CrossEntropyLoss()),
  "timm.loss.BinaryCrossEntropy": lossTarget(loss.BinaryCrossEntropy, [
    ...["smoothing", "targetThreshold", "weight", "reduction", "sumClasses", "posWeight"],
  ]),
  "timm.loss.AsymmetricLossSingleLabel": lossTarget(loss.AsymmetricLossSingleLabel, [
    ...["gammaPos", "gammaNeg", "eps", "reduction"],
  ]),
  "timm.loss.JsdCrossEntropy": refusedTarget(
    "timm.loss.JsdCrossEntropy is not built in: it compares several augmentations of each image",
    "use timm.loss.LabelSmoothingCrossEntropy",
  ),
};
