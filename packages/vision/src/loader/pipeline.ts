import type { Image, RegionOf } from "@classifier-training/image";
import {
  buildTransform,
  rngOf,
  runAll,
  sampleCropBox,
  sampleErasedBox,
  type Transform,
  type TransformContext,
  type TransformSpec,
} from "@classifier-training/image";

/** The end of a pipeline that can be applied to a whole batch of uint8 images with the same result. */
export interface BatchTail {
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** The random rectangle that is overwritten after normalizing. */
  readonly erase?: {
    readonly path: string;
    readonly p: number;
    readonly scale: readonly [number, number];
    readonly ratio: readonly [number, number];
    readonly value: number | readonly number[];
  };
}

/** A pipeline cut into what is done per image and what is done per batch. */
export interface PipelinePlan {
  readonly perImage: readonly TransformSpec[];
  /** Absent when the end of the pipeline must be done per image. */
  readonly tail?: BatchTail;
}

/** The transforms of a pipeline at its top level. */
function topLevel(pipeline: Transform | undefined): readonly Transform[] {
  if (pipeline === undefined) return [];
  return pipeline.name === "Compose" ? (pipeline.options["transforms"] as readonly Transform[]) : [pipeline];
}

/** Whether a transform makes float32 in [0, 1] of bytes. */
function scalesToFloat({ name, options: { scale, dtype } }: Transform): boolean {
  if (name === "ToTensor") return true;
  if (name === "ConvertImageDtype") return dtype === "float32";
  return scale === true && (name === "ToFloat32Tensor" || (name === "ToDtype" && dtype === "float32"));
}

/** Finds [ToImage] + a conversion to float + [Normalize] + [RandomErasing] at the end. */
export function planPipeline(pipeline: Transform | undefined): PipelinePlan {
  const list = topLevel(pipeline);
  let end = list.length;
  const last = () => list[end - 1];
  const optionsOf = (transform: Transform | undefined) => transform?.options ?? {};
  const tail: { -readonly [K in keyof BatchTail]: BatchTail[K] } = {};
  const whole = { perImage: list.map(({ spec }) => spec) };
  if (last()?.name === "RandomErasing") {
    const { p, scale, ratio, value } = optionsOf(last()) as { p: number } & Omit<
      NonNullable<BatchTail["erase"]>,
      "path"
    >;
    if ((value as unknown) === "random") return whole;
    tail.erase = { path: String(end - 1), p, scale, ratio, value };
    end--;
  }
  if (last()?.name === "Normalize") {
    const { mean, std } = optionsOf(last()) as { mean: number[]; std: number[] };
    tail.normalize = { mean, std };
    end--;
  }
  const conversion = last();
  if (conversion === undefined || !scalesToFloat(conversion)) return whole;
  end--;
  if (["ToImage", "PILToTensor"].includes(last()?.name ?? "")) end--;
  return { perImage: whole.perImage.slice(0, end), tail };
}

/** What one sample becomes: pixels, and the rectangle to be erased from the batch. */
export interface Processed {
  readonly image: Image;
  readonly erase?: { left: number; top: number; width: number; height: number } | undefined;
}

/** Runs the per-image part of a plan; built in the thread that uses it. */
export class PipelineRunner {
  readonly #transforms: readonly Transform[];
  readonly #tail: BatchTail | undefined;

  private constructor(transforms: readonly Transform[], tail: BatchTail | undefined) {
    this.#transforms = transforms;
    this.#tail = tail;
  }

  static async build(plan: PipelinePlan): Promise<PipelineRunner> {
    return new PipelineRunner(await Promise.all(plan.perImage.map(buildTransform)), plan.tail);
  }

  /**
   * What the pipeline will read of an image, if its first transform says so: a random crop samples the same box again
   * when it runs, so the decoder may skip the rest.
   */
  regionOf(key: readonly number[]): RegionOf | undefined {
    const [first] = this.#transforms;
    if (first?.name !== "RandomResizedCrop" || first.spec.module !== undefined) return undefined;
    const { scale, ratio } = first.options as { scale: [number, number]; ratio: [number, number] };
    return (size) => sampleCropBox(size, scale, ratio, rngOf({ key, path: "0" }));
  }

  async run(image: Image, key: readonly number[]): Promise<Processed> {
    const context: TransformContext = { key, path: "" };
    const made = await runAll(this.#transforms, image, context);
    const erase = this.#tail?.erase;
    if (erase === undefined) return { image: made };
    const rng = rngOf({ key, path: erase.path });
    return {
      image: made,
      erase: rng.chance(erase.p) ? sampleErasedBox(made, erase.scale, erase.ratio, rng) : undefined,
    };
  }
}
