import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decodeImage } from "../codecs/decode.ts";
import { type AugmentOp, applyAugment, bitsDownFrom, linspace, thresholds } from "./augment-ops.ts";

const bins = 31;
const upTo = (high: number) => linspace(0, high, bins);
const size = { width: 21, height: 31, channels: 3 };

/** SHA-256 of what torchvision 0.14.1 makes of crop0.png with every magnitude, the positive ones first. */
test.each<[AugmentOp, string, (number[] | undefined)?]>([
  ["Identity", "4cff7914c538fe64"],
  ["ShearX", "3d950d489b23841b", upTo(0.99)],
  ["ShearY", "e5383d575d95f2da", upTo(0.99)],
  ["TranslateX", "5564e9b1c253303c", upTo(32)],
  ["TranslateY", "8b9218c5aa998374", upTo(32)],
  ["Rotate", "4e936f6867649d41", upTo(135)],
  ["Brightness", "b9257f6d0b7e2f91", upTo(0.99)],
  ["Color", "7d02ff2154a6124b", upTo(0.99)],
  ["Contrast", "9ebf4e24e918f23d", upTo(0.99)],
  ["Sharpness", "43415ccacc52642e", upTo(0.99)],
  ["Posterize", "179e83fb2abb7c82", bitsDownFrom(8, 6).magnitudes?.(bins, size)],
  ["Solarize", "525595d79b6ca43f", thresholds.magnitudes?.(bins, size)],
  ["AutoContrast", "35ccfacd12a2ebe4"],
  ["Equalize", "93e3931854893f2b"],
])("%s of TrivialAugmentWide gives torchvision's bytes at every magnitude", async (op, expected, magnitudes = [0]) => {
  const path = new URL("../../test/fixtures/golden/png/crop0.png", import.meta.url);
  const image = await decodeImage(readFileSync(path));
  const signs = magnitudes.length === 1 || op === "Posterize" || op === "Solarize" ? [1] : [1, -1];
  const hash = createHash("sha256");
  for (const sign of signs)
    for (const magnitude of magnitudes)
      hash.update(applyAugment(image, op, sign * magnitude, { interpolation: "nearest", fill: undefined }).data);
  expect(hash.digest("hex").slice(0, 16)).toBe(expected);
});
