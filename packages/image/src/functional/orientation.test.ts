import sharp from "sharp";
import { expect, test } from "vitest";
import { byteImage } from "../image.ts";
import { applyOrientation, orientations } from "./orientation.ts";

const [width, height] = [5, 3];
const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 5);

test.each(orientations)("orientation %i is what EXIF readers make of it", async (orientation) => {
  const file = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .withMetadata({ orientation })
    .png()
    .toBuffer();
  const { data, info } = await sharp(file).rotate().raw().toBuffer({ resolveWithObject: true });
  const turned = applyOrientation(byteImage(pixels, width, height), orientation);
  expect([turned.width, turned.height]).toEqual([info.width, info.height]);
  expect([...turned.data]).toEqual([...data]);
});

test("floats are turned as bytes are", () => {
  const bytes = applyOrientation(byteImage(pixels, width, height), 6);
  const floats = applyOrientation({ ...byteImage(pixels, width, height), data: Float32Array.from(pixels) }, 6);
  expect([...floats.data]).toEqual([...bytes.data]);
});
