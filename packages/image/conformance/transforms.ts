import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { decodeImage } from "../src/codecs/decode.ts";
import * as F from "../src/functional/index.ts";
import { type ByteImage, type Image, isByteImage, toChannelsFirst } from "../src/image.ts";
import { imagenetMean, imagenetStd, Normalize } from "../src/transforms/normalize.ts";
import { resizedSize } from "../src/transforms/resize.ts";
import type { CaseResult } from "./section.ts";

/** The parameters of all operations; a case has those of its own. */
interface Params {
  readonly size_hw: readonly [number, number];
  readonly interpolation: F.Interpolation & F.WarpInterpolation;
  readonly antialias?: boolean;
  readonly size: number;
  readonly max_size: number | null;
  readonly padding_ltrb: F.Padding;
  readonly fill: F.Fill;
  readonly mode: F.PaddingMode;
  readonly top_left_h_w: readonly [number, number, number, number];
  readonly angle: number;
  readonly translate: readonly [number, number];
  readonly scale: number;
  readonly shear: readonly [number, number];
  /** A point, or words for the middle of the image. */
  readonly center?: readonly [number, number] | string;
  readonly expand: boolean;
  readonly startpoints: F.Points;
  readonly endpoints: F.Points;
  readonly factor: number;
  readonly kernel_size_xy: readonly [number, number];
  readonly sigma_xy: readonly [number, number];
  readonly quality: number;
  readonly offset_xy: readonly [number, number];
  readonly canvas_wh: readonly [number, number];
  readonly crop_xywh: readonly [number, number, number, number];
}
/** Raw little-endian bytes, deflated in base64 or as they are in hexadecimal: images HWC, float tensors CHW. */
interface Pixels {
  readonly shape: number[];
  readonly dtype: "uint8" | "float32";
  readonly zb64?: string;
  readonly hex?: string;
}
interface Recorded {
  readonly op: string;
  readonly image: string;
  readonly params: Params;
  readonly out?: Pixels;
  readonly resized_size_wh?: number[];
  readonly float_stats?: { mean: number[]; std: number[]; samples: number[][] };
}
interface RecordedFile {
  readonly _meta: { readonly inputs: Record<string, { readonly file: string }> };
  readonly cases: readonly Recorded[];
}

const normalize = (image: Image) => {
  const context = { key: [0], path: "" };
  return Normalize({ mean: imagenetMean, std: imagenetStd }).run(F.convert(image, "float32", true), context) as Image;
};

const fixed = (center: Params["center"]) => (typeof center === "object" ? { center } : {});

type Op = (image: ByteImage, params: Params) => Image | Promise<Image>;

/** What each recorded operation is here; `_pil`, `_tensor_uint8` and `_tensor_float` choose the kind of image. */
const ops: Record<string, (image: Image, params: Params) => Image> = {
  resize: (image, { size_hw: [h, w], interpolation, antialias }) =>
    F.resize(image, w, h, { interpolation, antialias: antialias ?? true }),
  resize_shorter_side(image, { size, max_size }) {
    const { width, height } = resizedSize(image, size, max_size ?? undefined);
    return F.resize(image, width, height);
  },
  center_crop: (image, { size_hw: [h, w] }) => F.centerCrop(image, w, h),
  pad: (image, { padding_ltrb, fill, mode }) => F.pad(image, padding_ltrb, fill, mode),
  resized_crop: (image, { top_left_h_w: [top, left, height, width], size_hw: [h, w], interpolation }) =>
    F.resize(image, w, h, { interpolation, box: { top, left, height, width } }),
  // The tensor cases were recorded without a fill (the default), though they note it as 0.
  affine: (image, { angle, translate, scale, shear, interpolation, fill, center }) =>
    F.affine(image, { angle, translate, scale, shear }, { interpolation, fill: fill || undefined, ...fixed(center) }),
  rotate: (image, { angle, expand, interpolation, fill, center }) =>
    F.rotate(image, angle, { expand, interpolation, fill: fill || undefined, ...fixed(center) }),
  perspective: (image, { startpoints, endpoints, interpolation, fill }) =>
    F.perspective(image, startpoints, endpoints, { interpolation, fill: fill }),
  adjust_brightness: (image, { factor }) => F.adjustBrightness(image, factor),
  adjust_contrast: (image, { factor }) => F.adjustContrast(image, factor),
  adjust_saturation: (image, { factor }) => F.adjustSaturation(image, factor),
  adjust_hue: (image, { factor }) => F.adjustHue(image, factor),
  adjust_gamma: (image, { factor }) => F.adjustGamma(image, factor),
  adjust_sharpness: (image, { factor }) => F.adjustSharpness(image, factor),
  equalize: (image) => F.equalize(image),
  autocontrast: (image) => F.autocontrast(image),
  invert: (image) => F.invert(image),
  hflip: (image) => F.horizontalFlip(image),
  vflip: (image) => F.verticalFlip(image),
  gaussian_blur: (image, { kernel_size_xy, sigma_xy }) => F.gaussianBlur(image, kernel_size_xy, sigma_xy),
  jpeg_roundtrip: (image, { quality }) => F.jpegRoundTrip(image as ByteImage, quality),
};

/** Operations with names of their own. */
const special: Record<string, Op> = {
  "pixelate(system)": (image, { scale }) => F.downAndUp(image, scale, "nearest"),
  "bilinear_downscale(system)": (image, { scale }) => F.downAndUp(image, scale, "bilinear"),
  "zoom_out(system)": (image, { offset_xy: [left, top], canvas_wh: [width, height], fill }) =>
    F.zoomOut(image, { left, top, width, height }, fill),
  "zoom_in(system)": (image, { crop_xywh: [left, top, width, height] }) =>
    F.zoomIn(image, { left, top, width, height }),
  "add_noise_clip_truncate(system)": (image) =>
    F.addNoise(
      image,
      Float64Array.from(image.data, (_, i) => Math.sin(0.37 * i) * 25),
    ),
  normalize_imagenet: normalize,
  val_pipeline_64: (image) => normalize(validation(image, 73, 64)),
  val_pipeline_system: (image) => validation(image, 256, 224),
};

function validation(image: Image, resizeTo: number, cropTo: number): Image {
  const { width, height } = resizedSize(image, resizeTo, undefined);
  return F.centerCrop(F.resize(image, width, height), cropTo, cropTo);
}

function find(op: string): Op | undefined {
  const own = special[op];
  if (own !== undefined) return own;
  const match = /^(.*?)_(pil|tensor_uint8|tensor_float)$/.exec(op);
  if (match === null) return undefined;
  const [, name = "", kind] = match;
  const numbered = /^(posterize|solarize|grayscale)(\d+)$/.exec(name);
  let apply = ops[name];
  if (numbered !== null) {
    const amount = Number(numbered[2]);
    if (numbered[1] === "posterize") apply = (image) => F.posterize(image, amount);
    else if (numbered[1] === "solarize") apply = (image) => F.solarize(image, amount);
    else apply = (image) => F.toGrayscale(image, amount as 1 | 3);
  }
  if (apply === undefined) return undefined;
  const run = apply;
  return (image, params) => {
    if (kind === "pil") return run(image, params);
    return run(kind === "tensor_float" ? F.convert(image, "float32", true) : { ...image, semantics: "tensor" }, params);
  };
}

/** Operations that only move pixels: they must agree exactly. */
const exact = /^(center_crop|pad|hflip|vflip|invert|posterize|solarize)/;

export async function transformCases(recorded: unknown, folder: string): Promise<CaseResult[]> {
  const { _meta, cases } = recorded as RecordedFile;
  const inputs = new Map<string, ByteImage>();
  for (const [name, { file }] of Object.entries(_meta.inputs)) {
    inputs.set(name, await decodeImage(readFileSync(join(folder, file))));
  }
  const results: CaseResult[] = [];
  for (const recordedCase of cases) {
    const name = `${recordedCase.op} ${recordedCase.image} ${JSON.stringify(recordedCase.params)}`;
    let failure: string | undefined;
    try {
      failure = await check(recordedCase, inputs);
    } catch (error) {
      failure = String(error);
    }
    results.push({ name, failure });
  }
  return results;
}

async function check({ op, image: input, params, ...expected }: Recorded, inputs: Map<string, ByteImage>) {
  const run = find(op);
  const image = inputs.get(input);
  if (run === undefined) return "no such operation here";
  if (image === undefined) return `no such input image: ${input}`;
  const made = await run(image, params);
  const problems: (string | undefined)[] = [];
  if (expected.out) problems.push(compare(op, made, expected.out));
  if (expected.float_stats) problems.push(compareStats(normalize(made), expected.float_stats));
  if (expected.resized_size_wh) {
    const { width, height } = resizedSize(image, 256, undefined);
    if (width !== expected.resized_size_wh[0] || height !== expected.resized_size_wh[1]) problems.push("resized size");
  }
  return problems.filter(Boolean).join("; ") || undefined;
}

function compare(op: string, made: Image, { shape, dtype, zb64, hex }: Pixels): string | undefined {
  const bytes = zb64 === undefined ? Buffer.from(hex ?? "", "hex") : inflateSync(Buffer.from(zb64, "base64"));
  if (dtype === "float32") {
    const want = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const [c, h, w] = shape;
    if (made.channels !== c || made.height !== h || made.width !== w) return `shape ${made.height}x${made.width}`;
    const got = toChannelsFirst(made);
    let worst = 0;
    for (let i = 0; i < want.length; i++) worst = Math.max(worst, Math.abs((got[i] as number) - (want[i] as number)));
    return worst <= 2e-5 ? undefined : `differs by up to ${worst}`;
  }
  // Images of one channel were recorded without that axis.
  const [h, w, c = 1] = shape;
  if (made.height !== h || made.width !== w || made.channels !== c)
    return `shape ${made.height}x${made.width}x${made.channels}`;
  if (!isByteImage(made)) return "float pixels";
  const counts = new Map<number, number>();
  let sum = 0;
  if (bytes.length !== made.data.length) return `${bytes.length} bytes were recorded`;
  for (let i = 0; i < bytes.length; i++) {
    const difference = Math.abs((made.data[i] as number) - (bytes[i] as number));
    counts.set(difference, (counts.get(difference) ?? 0) + 1);
    sum += difference;
  }
  const worst = Math.max(...counts.keys());
  const mean = sum / bytes.length;
  const within1 = ((counts.get(0) ?? 0) + (counts.get(1) ?? 0)) / bytes.length;
  const text = `mean difference ${mean.toFixed(4)}, worst ${worst}, within 1: ${(within1 * 100).toFixed(2)}%`;
  if (op.startsWith("jpeg")) return mean <= 4 ? undefined : text;
  if (exact.test(op)) return worst === 0 ? undefined : text;
  return within1 >= 0.99 && worst <= 2 ? undefined : text;
}

function compareStats(image: Image, { mean, std, samples }: NonNullable<Recorded["float_stats"]>): string | undefined {
  const { width, height, channels, data } = image;
  const area = width * height;
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    let squares = 0;
    for (let i = c; i < data.length; i += channels) {
      sum += data[i] as number;
      squares += (data[i] as number) ** 2;
    }
    const m = sum / area;
    const s = Math.sqrt((squares - area * m * m) / (area - 1));
    if (Math.abs(m - (mean[c] as number)) > 2e-3) return `mean of channel ${c}: ${m} instead of ${mean[c]}`;
    if (Math.abs(s - (std[c] as number)) > 2e-3) return `std of channel ${c}: ${s} instead of ${std[c]}`;
  }
  // Two levels of 255, normalized.
  const tolerance = 2.01 / 255 / 0.224;
  for (const [c = 0, y = 0, x = 0, value = 0] of samples) {
    const got = data[(y * width + x) * channels + c] as number;
    if (Math.abs(got - value) > tolerance) return `[${c},${y},${x}] is ${got} instead of ${value}`;
  }
  return undefined;
}
