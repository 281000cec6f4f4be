import { z } from "zod";
import { isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { defineFixedTransform } from "./transform.ts";

/** Makes the image one of Pillow again: later transforms follow Pillow's arithmetic. Floats are scaled by 255 and cut. */
export const ToPILImage = defineFixedTransform({
  name: "ToPILImage",
  options: z.strictObject({ mode: z.enum(["RGB", "L"]).nullish() }),
  apply(image) {
    if (isByteImage(image)) return { ...image, semantics: "pil" };
    const data = takeBytes(image.data.length);
    for (let i = 0; i < data.length; i++) data[i] = Math.max(0, Math.min(255, (image.data[i] as number) * 255));
    return { ...image, data, semantics: "pil" };
  },
});
