import {
  ClassificationModel,
  type ClassificationModelOptions,
  classificationModelOptionsSchema,
  nn,
  register,
  z,
} from "classifier-training";

const options = classificationModelOptionsSchema.extend({
  width: z.int().positive().default(32).describe("channels of the first layer"),
});

/** Three convolutions: small enough to read, good enough for simple images. `model=tiny_net model.width=32` */
@register("model", "tiny_net")
export class TinyNet extends ClassificationModel {
  static readonly options = options;

  constructor({ width, ...rest }: z.infer<typeof options>) {
    super({ ...rest, pretrained: false } satisfies ClassificationModelOptions, "tiny_net", (numClasses) => {
      const layer = (from: number, to: number) => [
        new nn.Conv2d(from, to, { kernelSize: 3, stride: 2, padding: 1, bias: false }),
        new nn.BatchNorm2d(to),
        new nn.ReLU(),
      ];
      return new nn.Sequential(
        ...layer(3, width),
        ...layer(width, 2 * width),
        ...layer(2 * width, 4 * width),
        new nn.AdaptiveAvgPool2d(3),
        new nn.Flatten(),
        new nn.Linear(4 * width * 9, numClasses),
      );
    });
  }
}
