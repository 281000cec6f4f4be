import { buildTransform } from "@classifier-training/vision";
import { expect, test } from "vitest";
import { labelsMappingOf, normalizationOf } from "./preprocessing.ts";

const normalize = { transform: "Normalize", options: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } };
const pipeline = (...transforms: readonly unknown[]) =>
  buildTransform({ transform: "Compose", options: { transforms: [...transforms, normalize] } } as Parameters<
    typeof buildTransform
  >[0]);

test("the geometry is spelled out, defaults included", async () => {
  const transform = await pipeline(
    { transform: "Resize", options: { size: 256 } },
    { transform: "CenterCrop", options: { size: 224 } },
    { transform: "ToFloat32Tensor", options: {} },
  );
  const { preprocessing, normalization, idx_to_class } = labelsMappingOf(["a", "b"], transform, 224);
  expect(preprocessing).toMatchObject({
    color_order: "RGB",
    layout: "NCHW",
    input_height: 224,
    input_width: 224,
    geometry: [
      { step: "resize", shorter_side: 256, interpolation: "bilinear", antialias: true },
      { step: "center_crop", height: 224, width: 224 },
    ],
    value_range: [0, 1],
  });
  expect(normalization).toEqual({ mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] });
  expect(idx_to_class).toEqual({ "0": "a", "1": "b" });
});

test("a resize of both sides names both, and a step of another kind keeps its options", async () => {
  const transform = await pipeline(
    { transform: "Resize", options: { size: [48, 64], interpolation: "bicubic", antialias: false } },
    { transform: "Pad", options: { padding: 4 } },
  );
  const { preprocessing } = labelsMappingOf(["a", "b"], transform, 64);
  expect(preprocessing?.geometry?.[0]).toEqual({
    step: "resize",
    height: 48,
    width: 64,
    interpolation: "bicubic",
    antialias: false,
  });
  expect(preprocessing?.geometry?.[1]).toMatchObject({ step: "pad" });
});

test("the normalization is that of the last Normalize, by channel; without one, values stay as they are", async () => {
  const gray = { transform: "Normalize", options: { mean: [0.25], std: [0.5] } };
  const nested = { transform: "Compose", options: { transforms: [gray] } };
  expect(normalizationOf(await pipeline(gray))).toEqual({ mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] });
  const of = async (spec: Parameters<typeof buildTransform>[0]) => normalizationOf(await buildTransform(spec));
  expect(await of(nested)).toEqual({ mean: [0.25, 0.25, 0.25], std: [0.5, 0.5, 0.5] });
  expect(await of({ transform: "ToFloat32Tensor", options: {} })).toEqual({ mean: [0, 0, 0], std: [1, 1, 1] });
});
