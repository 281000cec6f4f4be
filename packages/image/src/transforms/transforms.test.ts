import { Rng } from "@classifier-training/base";
import { expect, test } from "vitest";
import { validationPipeline } from "../../test/recipes.ts";
import { byteImage, type Image } from "../image.ts";
import { targets } from "../targets.ts";
import * as T from "./index.ts";
import { transforms } from "./registry.ts";
import { resizedSize } from "./resize.ts";

const image = () =>
  byteImage(
    Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 31) % 256),
    40,
    30,
  );
const context = (index = 0) => ({ key: [1, 0, index, 0], path: "0" });

/** Element by element comparison of large arrays is slow in `toEqual`. */
function sameBytes(a: Uint8Array | Float32Array, b: Uint8Array | Float32Array): boolean {
  const bytes = (data: Uint8Array | Float32Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes(a).equals(bytes(b));
}

/** Options that each transform needs at least; the others take their defaults. */
const needed: Record<string, object> = {
  CenterCrop: { size: 20 },
  Compose: { transforms: [T.RandomInvert({ p: 1 })] },
  GaussianBlur: { kernelSize: 5 },
  JPEG: { quality: [30, 60] },
  Normalize: { mean: [0.5], std: [0.5] },
  Pad: { padding: 2 },
  RandomAdjustSharpness: { sharpnessFactor: 2 },
  RandomAffine: { degrees: 20 },
  RandomApply: { transforms: [T.RandomInvert({ p: 1 })] },
  RandomChoice: { transforms: [T.RandomInvert({ p: 1 }), T.RandomGrayscale({ p: 1 })] },
  RandomCrop: { size: 20 },
  RandomOrder: { transforms: [T.RandomInvert({ p: 1 }), T.RandomGrayscale({ p: 1 })] },
  RandomPosterize: { bits: 3 },
  RandomResizedCrop: { size: 16 },
  RandomRotation: { degrees: 30 },
  RandomSolarize: { threshold: 128 },
  Resize: { size: 20 },
  ToDtype: { dtype: "float32", scale: true },
};

for (const factory of transforms) {
  const name = factory.transformName;
  const make = () => factory.build(needed[name] ?? {});

  test(`${name} samples the same twice and leaves its input alone, on bytes and on floats`, async () => {
    for (let index = 0; index < 8; index++) {
      for (const given of [
        image(),
        (await T.ToDtype({ dtype: "float32", scale: true }).run(image(), context())) as Image,
      ]) {
        if (name === "Normalize" && given.data instanceof Uint8Array) continue;
        const before = given.data.slice();
        const first = await make().run(given, context(index));
        const pixels = first.data.slice();
        const second = await make().run(given, context(index));
        expect(sameBytes(second.data, pixels)).toBe(true);
        expect(sameBytes(given.data, before)).toBe(true);
        expect(first.data.length).toBe(first.width * first.height * first.channels);
      }
    }
  });

  test(`${name} is the same when built again from its spec`, async () => {
    const original = make();
    const again = await T.buildTransform(structuredClone(original.spec));
    const floats = () => T.ToDtype({ dtype: "float32", scale: true }).run(image(), context());
    const given = async () => (name === "Normalize" ? ((await floats()) as Image) : image());
    const [first, second] = [await again.run(await given(), context()), await original.run(await given(), context())];
    expect(sameBytes(first.data, second.data)).toBe(true);
  });

  test(`${name} refuses options that it does not have`, () => {
    expect(() => factory.build({ ...needed[name], nonsense: 1 })).toThrow(new RegExp(`^${name}: .*nonsense`));
  });
}

test("ranges are validated with messages that give the bounds", () => {
  expect(() => T.RandomJPEGCompression({ qualityMin: 0 })).toThrow(
    "RandomJPEGCompression: qualityMin: expected an integer between 1 and 100, received 0",
  );
  expect(() => T.RandomPixelate({ scaleMin: 0.8, scaleMax: 0.5 })).toThrow(
    "is 0.8, which must not exceed scaleMax, 0.5",
  );
  expect(() => T.RandomZoomOut({ minScale: 0.5 })).toThrow("minScale: must be at least 1");
  expect(() => T.RandomHorizontalFlip({ p: 2 })).toThrow("p: must be between 0 and 1");
  expect(() => T.ColorJitter({ hue: 0.7 })).toThrow("hue: must be between -0.5 and 0.5");
  expect(() => T.GaussianBlur({ kernelSize: 4 })).toThrow("kernelSize");
  expect(() => T.Resize({ size: 256, maxSize: 200 })).toThrow("must be greater than the size of the shorter side, 256");
});

test("configurations name transforms as Python does, and their errors use snake_case", () => {
  const target = targets["torchvision.transforms.v2.RandomPerspective"];
  const made = target?.invoke([], { distortion_scale: 0.3, p: 0.4 }) as T.Transform;
  expect(made.options).toMatchObject({ distortionScale: 0.3, p: 0.4, interpolation: "bilinear" });
  expect(() => target?.invoke([], { distortion_scale: 3 })).toThrow("RandomPerspective: distortion_scale: must be");
  expect(() => target?.invoke([], { distortion: 3 })).toThrow("distortion_scale");
  expect(targets["classifier_training.transforms.RandomZoomOut"]).toBeDefined();
  const resize = targets["torchvision.transforms.v2.Resize"]?.invoke([[64, 32]], {});
  expect(resize).toMatchObject({ options: { size: [64, 32] } });
});

test("sizes of Resize are torchvision's", () => {
  expect(resizedSize({ width: 40, height: 30 }, 20, undefined)).toEqual({ width: 26, height: 20 });
  expect(resizedSize({ width: 30, height: 400 }, 20, 100)).toEqual({ width: 7, height: 100 });
  expect(resizedSize({ width: 30, height: 400 }, [7, 9], undefined)).toEqual({ width: 9, height: 7 });
});

test("the validation pipeline gives one size whatever comes in", async () => {
  for (const [width, height] of [
    [20, 60],
    [300, 41],
    [1, 1],
  ] as const) {
    const image = byteImage(new Uint8Array(width * height * 3), width, height);
    const made = await validationPipeline({ imageSize: 64 }).run(image, { key: [0], path: "" });
    expect([made.width, made.height, made.channels]).toEqual([64, 64, 3]);
  }
});

test("noise has the given sigma", () => {
  const flat = byteImage(new Uint8Array(200 * 100 * 3).fill(128), 200, 100);
  const noisy = T.RandomGaussianNoise({ sigmaMin: 20, sigmaMax: 20, p: 1 }).run(flat, context()) as Image;
  const values = Array.from(noisy.data);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  expect(mean).toBeCloseTo(127.5, 0);
  expect(Math.sqrt(variance)).toBeCloseTo(20, 0);
});

test("a custom transform is built in workers from its module", async () => {
  const spec = {
    transform: "Dies",
    module: new URL("../../test/dying-transform.ts", import.meta.url).href,
    options: {},
  };
  expect((await T.buildTransform(spec)).name).toBe("Dies");
  const code = { ...spec, module: 'data:text/javascript,throw new Error("it ran")' };
  await expect(T.buildTransform(code)).rejects.toThrow("module of the transform 'Dies': expected a file: URL");
  await expect(T.buildNamedTransform(spec)).rejects.toThrow("refers to a module");
  await expect(T.buildTransform({ transform: "RandomFlip", options: {} })).rejects.toThrow(
    /unknown transform 'RandomFlip'/,
  );
});

test("samples of different transforms and samples are independent", () => {
  const values = new Set<number>();
  for (let index = 0; index < 50; index++)
    for (const path of ["0", "1", "1.transforms.0"]) values.add(Rng.at(1, 0, index, path).uint32());
  expect(values.size).toBe(150);
});

test("alternating flips show each image both ways in two epochs, half of them mirrored in each", async () => {
  const given = image();
  const flipped = async (mode: unknown, epoch: number, index: number, visit = 0) => {
    const made = await T.HorizontalFlip.build({ mode }).run(given, { key: [5, epoch, index, visit], path: "1" });
    return !sameBytes(made.data, given.data);
  };
  const indices = Array.from({ length: 200 }, (_, i) => i);
  const epoch = (mode: unknown, number: number, visit = 0) =>
    Promise.all(indices.map((index) => flipped(mode, number, index, visit)));
  const first = await epoch(true, 0);
  expect(first.filter(Boolean).length).toBeGreaterThan(70);
  expect(first.filter(Boolean).length).toBeLessThan(130);
  expect(await epoch("alternating", 1)).toEqual(first.map((flip) => !flip));
  expect(await epoch("alternating", 0, 1)).toEqual(first.map((flip) => !flip));
  expect(await epoch("alternating", 8)).toEqual(first);
  expect((await epoch(false, 1)).some(Boolean)).toBe(false);
  expect(await epoch("random", 1)).not.toEqual((await epoch("random", 0)).map((flip) => !flip));
  expect(() => T.HorizontalFlip.build({ mode: "sometimes" })).toThrow(
    'expected one of "alternating", "random", "none", received "sometimes"',
  );
});
