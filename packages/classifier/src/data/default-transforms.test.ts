import { Rng } from "@classifier-training/base";
import { byteImage } from "@classifier-training/image";
import { expect, test } from "vitest";
import { defaultTrainPipeline, validationPipeline } from "../../../image/test/recipes.ts";
import { defaultTransform } from "./default-transforms.ts";

test("a data module without transforms has those of transforms=default", async () => {
  const rng = Rng.at(1);
  const image = byteImage(
    Uint8Array.from({ length: 90 * 70 * 3 }, () => rng.integer(256)),
    90,
    70,
  );
  const context = { key: [3, 1, 4], path: "" };
  const same = [
    [defaultTransform("train", 48), defaultTrainPipeline({ imageSize: 48 })],
    [defaultTransform("val", 48), validationPipeline({ imageSize: 48 })],
    [defaultTransform("test", 48), validationPipeline({ imageSize: 48 })],
  ] as const;
  for (const [made, expected] of same) {
    const { data, width, height } = await made.run(image, context);
    expect([width, height]).toEqual([48, 48]);
    expect(data).toEqual((await expected.run(image, context)).data);
  }
});
