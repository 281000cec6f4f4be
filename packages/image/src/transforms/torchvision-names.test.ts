import { Rng } from "@classifier-training/base";
import { expect, test } from "vitest";
import * as F from "../functional/index.ts";
import { byteImage, type Image } from "../image.ts";
import { targets } from "../targets.ts";
import * as T from "./index.ts";

const image = () =>
  byteImage(
    Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 31 + (i >> 4)) % 256),
    40,
    30,
  );
const context = (index = 0) => ({ key: [1, 0, index, 0], path: "0" });
const build = (name: string, options = {}) => targets[name]?.invoke([], options) as T.Transform;
const run = async (name: string, options = {}, given: Image = image()) =>
  (await build(`torchvision.transforms.v2.${name}`, options).run(given, context())) as Image;

/** https://pytorch.org/vision/stable/transforms.html: `torchvision.transforms.__all__` without functions. */
const versionOne =
  "Compose ToTensor PILToTensor ConvertImageDtype ToPILImage Normalize Resize CenterCrop Pad Lambda RandomApply " +
  "RandomChoice RandomOrder RandomCrop RandomHorizontalFlip RandomVerticalFlip RandomResizedCrop FiveCrop TenCrop " +
  "LinearTransformation ColorJitter RandomRotation RandomAffine Grayscale RandomGrayscale RandomPerspective " +
  "RandomErasing GaussianBlur InterpolationMode RandomInvert RandomPosterize RandomSolarize RandomAdjustSharpness " +
  "RandomAutocontrast RandomEqualize ElasticTransform AutoAugmentPolicy AutoAugment RandAugment TrivialAugmentWide AugMix";

test("every name of torchvision's first version is known, in every namespace", () => {
  for (const name of versionOne.split(" ")) {
    for (const space of ["torchvision.transforms", "torchvision.transforms.v2", "torchvision.transforms.transforms"]) {
      expect(targets[`${space}.${name}`], `${space}.${name}`).toBeDefined();
    }
  }
});

test.each(["Lambda", "LinearTransformation", "FiveCrop", "TenCrop"])("%s is refused with a way out", (name) => {
  expect(() => build(`torchvision.transforms.${name}`)).toThrow(new RegExp(`^${name} .*\n {2}fix: `));
});

test("conversions to tensors give torchvision's types and values", async () => {
  const float = await run("ToTensor");
  expect([float.data.constructor, float.semantics, float.data[5]]).toEqual([
    Float32Array,
    "tensor",
    Math.fround((image().data[5] as number) / 255),
  ]);
  expect(await run("ConvertImageDtype", { dtype: "torch.float32" })).toEqual(float);
  expect(await run("ConvertImageDtype")).toEqual(float);
  expect(await run("PILToTensor")).toEqual({ ...image(), semantics: "tensor" });
  const back = await run("ToPILImage", {}, float);
  expect([back.semantics, Buffer.from(back.data as Uint8Array).equals(image().data)]).toEqual(["pil", true]);
});

test("JPEG has a fixed quality or one of a range", async () => {
  expect((await run("JPEG", { quality: 40 })).data).toEqual(F.jpegRoundTrip(image(), 40).data);
  const seen = new Set(
    Array.from({ length: 60 }, (_, i) => T.JPEG.sample({ quality: [7, 9] }, Rng.at(i), image())?.quality),
  );
  expect([...seen].sort()).toEqual([7, 8, 9]);
  expect(() => build("torchvision.transforms.v2.JPEG", { quality: [9, 7] })).toThrow("must not exceed");
});

test("GaussianNoise is on the scale of 0 to 1, clips, and wraps around without clip", async () => {
  const flat = byteImage(new Uint8Array(300 * 300 * 3).fill(100), 300, 300);
  const data = [...(await run("GaussianNoise", { mean: 0.1, sigma: 0.05 }, flat)).data];
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  expect(mean).toBeCloseTo(125, 0);
  expect(deviation).toBeCloseTo(12.75, 0);
  const bright = byteImage(new Uint8Array(3).fill(250), 1, 1);
  expect([...(await run("GaussianNoise", { mean: 0.1, sigma: 0 }, bright)).data]).toEqual([255, 255, 255]);
  expect([...(await run("GaussianNoise", { mean: 0.1, sigma: 0, clip: false }, bright)).data]).toEqual([19, 19, 19]);
  const floats = await run("GaussianNoise", { mean: 0.5, sigma: 0 }, await run("ToTensor"));
  expect(Math.max(...floats.data)).toBe(1);
});

test("RandomPhotometricDistort changes the contrast before or after the other colors, and permutes channels", async () => {
  const sampled = Array.from({ length: 200 }, (_, i) => T.RandomPhotometricDistort.sample({}, Rng.at(i), image()));
  const fraction = (has: (params: NonNullable<(typeof sampled)[number]>) => boolean) =>
    sampled.filter((params) => params !== undefined && has(params)).length / sampled.length;
  expect(fraction(({ contrast }) => contrast !== undefined)).toBeCloseTo(0.5, 0);
  expect(fraction(({ channels }) => channels !== undefined)).toBeCloseTo(0.5, 0);
  expect(new Set(sampled.map((params) => String(params?.order)))).toEqual(new Set(["0,1,2,3", "0,2,3,1"]));
  expect(Math.max(...sampled.map((params) => params?.brightness ?? 1))).toBeLessThanOrEqual(1.125);
  expect((await run("RandomPhotometricDistort", { p: 0 })).data).toEqual(image().data);
});

test("ElasticTransform with no strength is the identity, and its field has torchvision's scale", async () => {
  expect((await run("ElasticTransform", { alpha: 0 })).data).toEqual(image().data);
  expect((await run("ElasticTransform", { alpha: 80, sigma: 4, interpolation: "nearest" })).data).not.toEqual(
    image().data,
  );
  // Without blur the noise is uniform: alpha / height of half a width to each side.
  const { x, y } = F.elasticDisplacement({ width: 200, height: 100 }, [10, 30], [0, 0], Rng.at(1));
  expect(Math.max(...x)).toBeCloseTo(0.1, 2);
  expect(Math.min(...y)).toBeCloseTo(-0.15, 2);
  // A whole side is 2: 0.5 moves by a quarter of the width.
  const moved = F.elastic(image(), { x: new Float32Array(1200).fill(0.5), y: new Float32Array(1200) }, "nearest", 7);
  expect([...moved.data.slice(0, 3)]).toEqual([...image().data.slice(30, 33)]);
  expect([...moved.data.slice(117, 120)]).toEqual([7, 7, 7]);
});

test("InterpolationMode is the name of an interpolation, and interpolations are understood by its names", async () => {
  expect(targets["torchvision.transforms.InterpolationMode"]?.invoke(["bicubic"], {})).toBe("bicubic");
  expect(targets["torchvision.transforms.AutoAugmentPolicy"]?.invoke(["cifar10"], {})).toBe("cifar10");
  expect(
    build("torchvision.transforms.autoaugment.AutoAugment", { policy: "AutoAugmentPolicy.SVHN" }).options["policy"],
  ).toBe("svhn");
  const path = "torchvision.transforms.InterpolationMode.BICUBIC";
  expect(targets[path]?.invoke([], {})).toBe("bicubic");
  const object = Object.assign(() => {}, { target: path });
  for (const interpolation of ["BICUBIC", "InterpolationMode.BICUBIC", 3, object]) {
    expect((await run("Resize", { size: 20, interpolation })).data).toEqual(
      (await run("Resize", { size: 20, interpolation: "bicubic" })).data,
    );
  }
});

test.each([
  [{ left: -3, top: 2, width: 10, height: 9 }],
  [{ left: 35, top: -4, width: 10, height: 50 }],
  [{ left: 100, top: 100, width: 4, height: 4 }],
])("a crop beyond the image is black there, resized or not: %j", (box) => {
  const padded = F.pad(image(), [200, 200, 200, 200]);
  const expected = F.crop(padded, { ...box, left: box.left + 200, top: box.top + 200 });
  expect(F.crop(image(), box).data).toEqual(expected.data);
  for (const interpolation of ["bilinear", "bicubic", "nearest"] as const) {
    expect(F.resizedCrop(image(), box, 12, 12, { interpolation }).data).toEqual(
      F.resize(expected, 12, 12, { interpolation }).data,
    );
  }
});

test("the ten crops are five of the image and five of its mirror image", () => {
  const crops = F.tenCrop(image(), 10, 8);
  expect(crops).toHaveLength(10);
  expect(crops[0]?.data).toEqual(F.crop(image(), { left: 0, top: 0, width: 10, height: 8 }).data);
  expect(crops[9]?.data).toEqual(F.centerCrop(F.horizontalFlip(image()), 10, 8).data);
});
