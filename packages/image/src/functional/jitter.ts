import { type Image, isByteImage, withPixels } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  brightnessTable,
  contrastTable,
  lookUpInPlace,
  meanGray,
  saturatePillow,
} from "./color.ts";
import { adjustHue, turnPillow } from "./hue.ts";

export interface JitterParams {
  /** Order of 0 brightness, 1 contrast, 2 saturation, 3 hue. */
  readonly order: readonly number[];
  readonly brightness?: number | undefined;
  readonly contrast?: number | undefined;
  readonly saturation?: number | undefined;
  readonly hue?: number | undefined;
}

/** The four color changes, one after the other; an absent one is skipped. */
export function jitterColors(image: Image, params: JitterParams): Image {
  const { order, brightness, contrast, saturation, hue } = params;
  if (isByteImage(image) && image.semantics === "pil" && image.channels === 3) {
    // In place, on one copy.
    const out = takeBytes(image.data.length);
    out.set(image.data);
    const made = withPixels(image, out, image.width, image.height);
    for (const step of order) {
      if (step === 0 && brightness !== undefined) lookUpInPlace(out, brightnessTable(brightness));
      else if (step === 1 && contrast !== undefined) lookUpInPlace(out, contrastTable(meanGray(made), contrast));
      else if (step === 2 && saturation !== undefined) saturatePillow(out, saturation);
      else if (step === 3 && hue !== undefined) turnPillow(out, hue);
    }
    return made;
  }
  let made: Image = image;
  for (const step of order) {
    if (step === 0 && brightness !== undefined) made = adjustBrightness(made, brightness);
    else if (step === 1 && contrast !== undefined) made = adjustContrast(made, contrast);
    else if (step === 2 && saturation !== undefined) made = adjustSaturation(made, saturation);
    else if (step === 3 && hue !== undefined) made = adjustHue(made, hue);
  }
  return made;
}
