import { type ByteImage, type Image, isByteImage } from "../image.ts";
import { takeBytes } from "../kernels/buffers.ts";

/** v / 255 in float32, for every byte. */
const scaled = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/** Changes the type of the pixels, as torchvision's `to_dtype`: the result is a tensor. */
export function convert(image: Image, dtype: "float32" | "uint8", scale: boolean): Image {
  const { data } = image;
  if (dtype === "float32") {
    if (!isByteImage(image)) return { ...image, semantics: "tensor" };
    const out = new Float32Array(data.length);
    if (scale) for (let i = 0; i < out.length; i++) out[i] = scaled[data[i] as number] as number;
    else out.set(data);
    return { ...image, data: out, semantics: "tensor" };
  }
  if (isByteImage(image)) return { ...image, semantics: "tensor" };
  const out = takeBytes(data.length);
  const factor = scale ? 255 + 1 - 1e-3 : 1;
  for (let i = 0; i < out.length; i++) out[i] = (data[i] as number) * factor;
  return { ...image, data: out, semantics: "tensor" };
}

/** Applies a function of uint8 images to any image: floats in [0, 1] are converted there and back. */
export function bytesThrough(image: Image, apply: (image: ByteImage) => ByteImage): Image {
  if (isByteImage(image)) return apply(image);
  return convert(apply(convert(image, "uint8", true) as ByteImage), "float32", true);
}
