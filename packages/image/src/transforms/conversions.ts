import * as z from "@classifier-training/base/zod";
import { toGrayscale } from "../functional/color.ts";
import { convert } from "../functional/convert.ts";
import { isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";
import { dtypeOption } from "./options.ts";
import { defineFixedTransform } from "./transform.ts";

/** torchvision's conversion to a float tensor in [0, 1]. */
export const ToTensor = defineFixedTransform({
  name: "ToTensor",
  options: z.strictObject({}),
  apply: (image) => convert(image, "float32", true),
});

/** Makes the image a tensor of the same values: later transforms follow torchvision's tensor arithmetic. */
export const PILToTensor = defineFixedTransform({
  name: "PILToTensor",
  options: z.strictObject({}),
  apply: (image) => ({ ...image, semantics: "tensor" }),
});

/** Makes the image a tensor: later transforms follow torchvision's tensor arithmetic instead of Pillow's. */
export const ToImage = defineFixedTransform({
  name: "ToImage",
  options: z.strictObject({}),
  apply: (image) => ({ ...image, semantics: "tensor" }),
});

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

/** Drops what torchvision calls a TVTensor: nothing is to be done, images here are plain already. */
export const ToPureTensor = defineFixedTransform({
  name: "ToPureTensor",
  options: z.strictObject({}),
  apply: (image) => image,
});

/** Changes the type of the pixels; with `scale`, 0..255 and 0..1 correspond. */
export const ToDtype = defineFixedTransform({
  name: "ToDtype",
  options: z.strictObject({
    dtype: dtypeOption,
    scale: z.boolean().default(false),
  }),
  apply: (image, { dtype, scale }) => convert(image, dtype, scale),
});

/** The original's conversion to a float tensor: in [0, 1] with `scale` (the default), else in [0, 255]. */
export const ToFloat32Tensor = defineFixedTransform({
  name: "ToFloat32Tensor",
  namespace: "classifier_training",
  options: z.strictObject({ scale: z.boolean().default(true) }),
  apply: (image, { scale }) => convert(image, "float32", scale),
});

/** Changes the type of the pixels, so that 0..255 and 0..1 correspond. */
export const ConvertImageDtype = defineFixedTransform({
  name: "ConvertImageDtype",
  options: z.strictObject({ dtype: dtypeOption.default("float32") }),
  apply: (image, { dtype }) => convert(image, dtype, true),
});

/** Makes three equal channels of a gray image. */
export const RGB = defineFixedTransform({
  name: "RGB",
  options: z.strictObject({}),
  apply: (image) => (image.channels === 1 ? toGrayscale(image, 3) : image),
});

/** Leaves the image as it is. */
export const Identity = defineFixedTransform({
  name: "Identity",
  options: z.strictObject({}),
  apply: (image) => image,
});
