import { nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { ConvNormActivation, initializeMobile, makeDivisible, stagesByStride } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

export const mobileNetV3OptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).default(0.2),
});
export type MobileNetV3Options = z.infer<typeof mobileNetV3OptionsSchema>;

type Activation = "RE" | "HS";
/** kernel, expanded channels, out channels, squeeze-excitation, activation, stride (tables 1 and 2 of arXiv:1905.02244). */
type Row = readonly [number, number, number, boolean, Activation, number];

const tables: Readonly<Record<"large" | "small", { rows: readonly Row[]; lastChannels: number }>> = {
  large: {
    rows: [
      [3, 16, 16, false, "RE", 1],
      [3, 64, 24, false, "RE", 2],
      [3, 72, 24, false, "RE", 1],
      [5, 72, 40, true, "RE", 2],
      [5, 120, 40, true, "RE", 1],
      [5, 120, 40, true, "RE", 1],
      [3, 240, 80, false, "HS", 2],
      [3, 200, 80, false, "HS", 1],
      [3, 184, 80, false, "HS", 1],
      [3, 184, 80, false, "HS", 1],
      [3, 480, 112, true, "HS", 1],
      [3, 672, 112, true, "HS", 1],
      [5, 672, 160, true, "HS", 2],
      [5, 960, 160, true, "HS", 1],
      [5, 960, 160, true, "HS", 1],
    ],
    lastChannels: 1280,
  },
  small: {
    rows: [
      [3, 16, 16, true, "RE", 2],
      [3, 72, 24, false, "RE", 2],
      [3, 88, 24, false, "RE", 1],
      [5, 96, 40, true, "HS", 2],
      [5, 240, 40, true, "HS", 1],
      [5, 240, 40, true, "HS", 1],
      [5, 120, 48, true, "HS", 1],
      [5, 144, 48, true, "HS", 1],
      [5, 288, 96, true, "HS", 2],
      [5, 576, 96, true, "HS", 1],
      [5, 576, 96, true, "HS", 1],
    ],
    lastChannels: 1024,
  },
};

const batchNorm = (channels: number) => new nn.BatchNorm2d(channels, { eps: 1e-3, momentum: 0.01 });
const activationOf = (name: Activation) => () => (name === "HS" ? new nn.Hardswish() : new nn.ReLU());

/** Expand, depthwise, squeeze-excite, project; with a shortcut where the shape stays. */
class InvertedResidual extends nn.Module {
  readonly block: nn.Sequential;
  readonly useShortcut: boolean;

  constructor(inChannels: number, [kernelSize, expanded, outChannels, useSe, act, stride]: Row) {
    super();
    const activation = activationOf(act);
    const layers: nn.Module[] = [];
    if (expanded !== inChannels) {
      layers.push(new ConvNormActivation(inChannels, expanded, { kernelSize: 1, norm: batchNorm, activation }));
    }
    const depthwise = { kernelSize, stride, groups: expanded, norm: batchNorm, activation };
    layers.push(new ConvNormActivation(expanded, expanded, depthwise));
    if (useSe) {
      const squeezed = makeDivisible(Math.floor(expanded / 4));
      layers.push(new nn.SqueezeExcitation(expanded, squeezed, { scaleActivation: () => new nn.Hardsigmoid() }));
    }
    layers.push(new ConvNormActivation(expanded, outChannels, { kernelSize: 1, norm: batchNorm }));
    this.block = new nn.Sequential(...layers);
    this.useShortcut = stride === 1 && inChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const out = this.block.call(x);
    return this.useShortcut ? out.add(x) : out;
  }
}

/** MobileNetV3 (Howard et al., arXiv:1905.02244) with torchvision's parameter names and initialization. */
export class MobileNetV3 extends ImageModel {
  readonly headPath = "classifier.3";
  readonly stages: readonly Stage[];
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  constructor(size: "large" | "small", { numClasses, dropout }: MobileNetV3Options) {
    super();
    const { rows, lastChannels } = tables[size];
    const activation = activationOf("HS");
    let channels = 16;
    const layers: nn.Module[] = [new ConvNormActivation(3, channels, { stride: 2, norm: batchNorm, activation })];
    for (const row of rows) {
      layers.push(new InvertedResidual(channels, row));
      channels = row[2];
    }
    const features = 6 * channels;
    layers.push(new ConvNormActivation(channels, features, { kernelSize: 1, norm: batchNorm, activation }));
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.classifier = new nn.Sequential(
      new nn.Linear(features, lastChannels),
      new nn.Hardswish(),
      new nn.Dropout({ p: dropout }),
      new nn.Linear(lastChannels, numClasses),
    );
    const strides = rows.map(([, , , , , stride]) => stride);
    this.stages = stagesByStride(strides, [`features.${rows.length + 1}`, "classifier.0"]);
    initializeMobile(this, ({ weight }) => nn.init.normal_(weight, 0, 0.01));
  }

  override forward(x: Tensor): Tensor {
    const out = this.avgpool.call(this.features.call(x)).flatten(1);
    return this.classifier.call(out);
  }
}
