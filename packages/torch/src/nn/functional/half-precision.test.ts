import { describe, expect, test } from "vitest";
import { autocast, manualSeed, nn, randn, type Tensor } from "../../index.ts";

const { functional: F } = nn;

const layers: Readonly<Record<string, () => nn.Module>> = {
  LayerNorm: () => new nn.LayerNorm(6),
  "LayerNorm without bias": () => new nn.LayerNorm([4, 6], { bias: false }),
  "LayerNorm without weights": () => new nn.LayerNorm(6, { elementwiseAffine: false }),
  GroupNorm: () => new nn.GroupNorm(2, 8),
  "GroupNorm without weights": () => new nn.GroupNorm(2, 8, { affine: false }),
  BatchNorm2d: () => new nn.BatchNorm2d(8),
  "BatchNorm2d without weights": () => new nn.BatchNorm2d(8, { affine: false }),
  "BatchNorm2d without statistics": () => new nn.BatchNorm2d(8, { trackRunningStats: false }),
  Mish: () => new nn.Mish(),
  ReLU6: () => new nn.ReLU6(),
  "ReLU6 in place": () => new nn.ReLU6({ inplace: true }),
  Hardtanh: () => new nn.Hardtanh({ minVal: -0.5, inplace: true }),
};

describe.each(Object.keys(layers))("%s in bfloat16", (name) => {
  test.each(["contiguous", "channels_last"] as const)(
    "computes and differentiates what it does in float32, %s",
    (memoryFormat) => {
      manualSeed(5);
      const layer = (layers[name] as () => nn.Module)();
      const base = randn([2, 8, 4, 6], { dtype: "bfloat16" }).float().contiguous(memoryFormat);
      const direction = randn([2, 8, 4, 6]);
      const run = (half: boolean): Tensor[] => {
        layer.zeroGrad();
        const input = base.clone().requiresGrad_();
        const output = autocast({ enabled: half }, () => layer.call(half ? input.bfloat16() : input.mul(1)));
        expect(output.dtype).toBe(half ? "bfloat16" : "float32");
        output.float().mul(direction).sum().backward();
        return [output.float(), ...[input, ...layer.parameters()].map(({ grad }) => (grad as Tensor).clone())];
      };
      const [wanted, found] = [run(false), run(true)];
      for (const [i, tensor] of found.entries()) {
        expect(tensor.isfinite().all().item()).toBe(1);
        const scale = (wanted[i] as Tensor).abs().max().item();
        expect(
          tensor
            .sub(wanted[i] as Tensor)
            .abs()
            .max()
            .item(),
        ).toBeLessThanOrEqual(0.03 * (scale + 0.1));
      }
    },
  );
});

test.each(["reflect", "replicate", "circular", "constant"] as const)("pads bfloat16 in mode %s", (mode) => {
  const x = randn([1, 2, 4, 4], { dtype: "bfloat16" });
  expect(
    F.pad(x, [1, 1, 2, 2], { mode })
      .float()
      .equal(F.pad(x.float(), [1, 1, 2, 2], { mode })),
  ).toBe(true);
});
