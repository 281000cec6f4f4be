import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, expect, test, vi } from "vitest";
import { chromium, openPage } from "../../base/test/browser.ts";
import * as image from "../src/index.ts";

vi.setConfig({ testTimeout: 30_000 });

let bundle: string;
let inputs: string[];

beforeAll(async () => {
  const made = await build({
    stdin: {
      contents: 'export * from "@classifier-training/image";',
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    conditions: ["classifier-source"],
    platform: "browser",
    format: "iife",
    globalName: "image",
    bundle: true,
    metafile: true,
    write: false,
  });
  bundle = made.outputFiles[0]?.text as string;
  inputs = Object.keys(made.metafile.inputs);
});

test("a bundle for browsers holds neither Node's modules nor sharp", () => {
  expect(inputs.some((path) => path.endsWith("src/platform/browser.ts"))).toBe(true);
  expect(inputs.filter((path) => /platform\/node|node_modules\/(sharp|tsx)/.test(path))).toEqual([]);
  expect(bundle).not.toMatch(/["'](node:|sharp)/);
});

type Api = typeof image;

/** Runs in Node.js and, as text, in the page; gives the bytes of what it makes. */
async function transforms(api: Api): Promise<number[]> {
  const [width, height] = [301, 217];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 31 + (i >> 7)) % 256);
  const given = api.byteImage(pixels, width, height);
  const evaluation = api.Compose({
    transforms: [
      api.Resize({ size: 64 }),
      api.CenterCrop({ size: 48 }),
      api.ToFloat32Tensor(),
      api.Normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
    ],
  });
  const training = api.Compose({
    transforms: [
      api.RandomResizedCrop({ size: 40 }),
      api.RandomAffine({ degrees: 25, translate: [0.1, 0.1], interpolation: "bilinear" }),
      api.ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }),
      api.RandomJPEGCompression({ qualityMin: 5, qualityMax: 55, p: 1 }),
      api.GaussianBlur({ kernelSize: 5 }),
    ],
  });
  const made = [];
  for (const transform of [evaluation, training]) made.push(await transform.run(given, { key: [1, 2, 3], path: "" }));
  return made.flatMap(({ data }) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

async function decodes(api: Api, files: readonly (readonly number[])[]): Promise<number[]> {
  const made = [];
  for (const file of files) made.push(await api.decodeImage(Uint8Array.from(file)));
  return made.flatMap(({ width, height, data }) => [width, height, ...data]);
}

test("a browser decodes and transforms to the same bits as Node.js", async ({ skip }) => {
  skip(chromium === undefined, "there is no Chromium");
  const pixels = Uint8Array.from({ length: 50 * 40 * 3 }, (_, i) => 128 + 100 * Math.sin(i / 40));
  const photo = image.byteImage(pixels, 50, 40);
  const files = [await image.encodeJpeg(photo), await image.encodePng(photo)].map((file) => [...file]);
  const page = await openPage("about:blank");
  try {
    await page.evaluate(`${bundle}; globalThis.image = image;`);
    expect(await page.evaluate(`(${transforms})(image)`)).toEqual(await transforms(image));
    expect(await page.evaluate(`(${decodes})(image, ${JSON.stringify(files)})`)).toEqual(await decodes(image, files));
    const encoded = await page.evaluate(
      `image.decodeImage(new Uint8Array(${JSON.stringify(files[1])})).then(image.encodePng).then((file) => [...file])`,
    );
    expect((await image.decodeImage(Uint8Array.from(encoded as number[]))).data).toEqual(pixels);
    expect(page.errors).toEqual([]);
  } finally {
    await page.close();
  }
}, 60_000);
