import { fromTypedArray, memoryStats, nn, noGrad, type Tensor, tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { gradCam, lastFeatureStage } from "./class-activation.ts";

/** Two feature maps, their means, and a linear layer: Grad-CAM has a closed form here. */
class TwoMaps extends nn.Module {
  readonly stage = new nn.Conv2d(1, 2, { kernelSize: 1, bias: false });
  readonly pool = new nn.AdaptiveAvgPool2d(1);
  readonly head = new nn.Linear(2, 2, { bias: false });

  constructor() {
    super();
    noGrad(() => {
      this.stage.weight.copy_(tensor([[[[1]]], [[[-1]]]]));
      this.head.weight.copy_(
        tensor([
          [1, 0],
          [0, 1],
        ]),
      );
    });
  }

  override forward(x: Tensor): Tensor {
    return this.head.call(this.pool.call(this.stage.call(x)).flatten(1));
  }
}

const image = Float32Array.of(1, -2, 0.5, -1);
const images = () => fromTypedArray(Float32Array.of(...image, ...image), [2, 1, 2, 2]);

test("the stage is the last module that gives feature maps", () => {
  const network = new TwoMaps();
  expect(lastFeatureStage(network, images())).toBe(network.stage);
  expect(lastFeatureStage(new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2)), images())).toBeUndefined();
  expect([...network.modules()].some((module) => module.hasForwardHooks)).toBe(false);
});

test("a map is the positive part of the weighted feature maps, for each image and its class", () => {
  const network = new TwoMaps();
  const [first, second] = gradCam(network, network.stage, images(), [0, 1]);
  // Class 0 reads the image, class 1 its negative: the positive parts, scaled to 1.
  expect(first).toEqual({ values: Float32Array.of(1, 0, 0.5, 0), height: 2, width: 2 });
  expect(second).toEqual({ values: Float32Array.of(0, 1, 0, 0.5), height: 2, width: 2 });
});

test("explaining leaves no gradients, hooks or tensors behind", () => {
  const network = new TwoMaps();
  const given = images();
  gradCam(network, network.stage, given, [0, 1]);
  const before = memoryStats().liveTensors;
  gradCam(network, network.stage, given, [0, 1]);
  expect(memoryStats().liveTensors).toBeLessThanOrEqual(before);
  for (const parameter of network.parameters()) expect(parameter.grad).toBeNull();
  expect(network.stage.hasForwardHooks).toBe(false);
});
