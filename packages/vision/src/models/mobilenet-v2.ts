import { nn, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { ConvNormActivation, initializeMobile, stagesByStride } from "./blocks.ts";
import { ImageModel, type Stage } from "./image-model.ts";

export const mobileNetV2OptionsSchema = z.strictObject({
  numClasses: z.int().positive().default(1000),
  dropout: z.number().min(0).max(1).default(0.2).describe("before the head"),
});
export type MobileNetV2Options = z.infer<typeof mobileNetV2OptionsSchema>;

/** expansion, out channels, blocks, stride of the first (table 2 of arXiv:1801.04381). */
const table = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;
const lastChannels = 1280;

const norm = (channels: number) => new nn.BatchNorm2d(channels);
const activation = () => new nn.ReLU6();

/** Expand, depthwise, project without an activation; with a shortcut where the shape stays. */
class InvertedResidual extends nn.Module {
  readonly conv: nn.Sequential;
  readonly useShortcut: boolean;

  constructor(inChannels: number, outChannels: number, stride: number, expansion: number) {
    super();
    const expanded = inChannels * expansion;
    const widen = new ConvNormActivation(inChannels, expanded, { kernelSize: 1, norm, activation });
    this.conv = new nn.Sequential(
      ...(expansion === 1 ? [] : [widen]),
      new ConvNormActivation(expanded, expanded, { stride, groups: expanded, norm, activation }),
      new nn.Conv2d(expanded, outChannels, { kernelSize: 1, bias: false }),
      norm(outChannels),
    );
    this.useShortcut = stride === 1 && inChannels === outChannels;
  }

  override forward(x: Tensor): Tensor {
    const out = this.conv.call(x);
    return this.useShortcut ? out.add(x) : out;
  }
}

/** MobileNetV2 (Sandler et al., arXiv:1801.04381) with torchvision's parameter names and initialization. */
export class MobileNetV2 extends ImageModel {
  readonly headPath = "classifier.1";
  readonly stages: readonly Stage[];
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  constructor({ numClasses, dropout }: MobileNetV2Options) {
    super();
    let channels = 32;
    const layers: nn.TensorModule[] = [new ConvNormActivation(3, channels, { stride: 2, norm, activation })];
    const strides: number[] = [];
    for (const [expansion, outChannels, blocks, firstStride] of table) {
      for (let i = 0; i < blocks; i++) {
        const stride = i === 0 ? firstStride : 1;
        layers.push(new InvertedResidual(channels, outChannels, stride, expansion));
        strides.push(stride);
        channels = outChannels;
      }
    }
    layers.push(new ConvNormActivation(channels, lastChannels, { kernelSize: 1, norm, activation }));
    this.features = new nn.Sequential(...layers);
    this.classifier = new nn.Sequential(new nn.Dropout({ p: dropout }), new nn.Linear(lastChannels, numClasses));
    this.stages = stagesByStride(strides, [`features.${layers.length - 1}`]);
    initializeMobile(this, ({ weight }) => nn.init.normal_(weight, 0, 0.01));
  }

  override forward(x: Tensor): Tensor {
    const features = nn.functional.adaptiveAvgPool2d(this.features.call(x), 1);
    return this.classifier.call(features.flatten(1));
  }
}
