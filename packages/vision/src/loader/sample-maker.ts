import { CtError, type Problem } from "@classifier-training/base";
import { type Image, isByteImage, recycle } from "@classifier-training/image";
import { openSource } from "../datasets/source.ts";
import type { ImageSource } from "../datasets/source-spec.ts";
import { VisionError } from "../errors.ts";
import { PipelineRunner, type Processed } from "./pipeline.ts";
import {
  type Ring,
  type SampleFailure,
  type SampleShape,
  sampleBytes,
  type Task,
  type TaskResult,
  type WorkerSetup,
} from "./protocol.ts";

/** Makes samples and writes them into the ring: the whole work of a worker, also used without one. */
export class SampleMaker {
  readonly #setup: WorkerSetup;
  readonly #source: ImageSource;
  readonly #pipeline: PipelineRunner;
  #ring: Ring | undefined;

  private constructor(setup: WorkerSetup, source: ImageSource, pipeline: PipelineRunner) {
    this.#setup = setup;
    this.#source = source;
    this.#pipeline = pipeline;
  }

  static async create(setup: WorkerSetup): Promise<SampleMaker> {
    return new SampleMaker(setup, await openSource(setup.source), await PipelineRunner.build(setup.plan));
  }

  useRing(ring: Ring): void {
    this.#ring = ring;
  }

  /** Makes the samples of a task; broken ones are reported, not thrown. */
  async perform(task: Task): Promise<TaskResult> {
    const started = performance.now();
    const failures: SampleFailure[] = [];
    const erase = new Int32Array(4 * task.indices.length);
    let shape: SampleShape | undefined;
    let next = 0;
    const work = async () => {
      for (let position = next++; position < task.indices.length; position = next++) {
        const index = task.indices[position] as number;
        this.#setup.progress[0] = index;
        try {
          const { image, erase: box } = await this.#make(index, task, position);
          shape = shapeOf(image);
          if (box) erase.set([box.left, box.top, box.width, box.height], 4 * position);
          if (task.offset !== undefined) this.#store(image, task.offset, position, index);
          recycle(image.data);
        } catch (error) {
          failures.push({ position, index, problem: problemOf(error, this.#source.nameOf(index)) });
        }
      }
    };
    await Promise.all(Array.from({ length: this.#setup.concurrency }, work));
    const result = { id: task.id, failures, busyMs: performance.now() - started, erase };
    return task.offset === undefined && shape ? { ...result, shape } : result;
  }

  async #make(index: number, task: Task, position: number): Promise<Processed> {
    const key = [this.#setup.seed, task.epoch, index, task.occurrences[position] as number];
    const image = await this.#source.read(index, this.#pipeline.regionOf(key));
    const made = await this.#pipeline.run(image, key);
    // Left to the garbage collector, which does not see the kernels' memory, decoded images would soon fill it.
    if (made.image.data !== image.data) recycle(image.data);
    return made;
  }

  #store(image: Image, offset: number, position: number, index: number): void {
    const ring = this.#ring as Ring;
    const expected = ring.sample;
    const got = shapeOf(image);
    if (got.width !== expected.width || got.height !== expected.height || got.channels !== expected.channels) {
      throw new VisionError({
        code: "vision/batch-sizes",
        what: `${this.#source.nameOf(index)} became an image of ${sizeText(got)}, others of this loader ${sizeText(expected)}`,
        fix: "end the transforms with one that gives every image the same size, such as CenterCrop or Resize to [height, width]",
      });
    }
    if (got.dtype !== expected.dtype) {
      throw new VisionError({
        code: "vision/batch-sizes",
        what: `${this.#source.nameOf(index)} became ${got.dtype}, other images of this loader ${expected.dtype}`,
        fix: "convert every image to the same type: ToDtype must not stand inside a random choice",
      });
    }
    const at = offset + position * sampleBytes(expected);
    const { data } = image;
    if (isByteImage(image)) new Uint8Array(ring.memory, at, data.length).set(data);
    else new Float32Array(ring.memory, at, data.length).set(data);
  }
}

function shapeOf(image: Image): SampleShape {
  const { width, height, channels } = image;
  return { width, height, channels, dtype: isByteImage(image) ? "uint8" : "float32" };
}

const sizeText = ({ width, height, channels }: SampleShape) => `${width}x${height} with ${channels} channels`;

/** An error as plain data that survives the way between threads. */
function problemOf(error: unknown, name: string): Problem {
  if (CtError.is(error)) {
    const { code, what, where, fix } = error.problem;
    return { code, what, where: where ?? (what.includes(name) ? undefined : name), fix };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "vision/transform-failed", what: `the transforms failed on ${name}: ${text}` };
}
