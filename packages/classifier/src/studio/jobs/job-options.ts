import { resolve } from "node:path";
import { CtError, displayPath, parseOptions } from "@classifier-training/base";
import type { JobKind, JobOptions } from "@classifier-training/dashboard";
import { isInside, readRun } from "@classifier-training/runs";
import { z } from "zod";

const runs = z.array(z.string().min(1)).min(1).max(50);
const time = z.string().regex(/^(\d+(\.\d+)?[dhms])+$/, "expected a time such as 20m");
const judges = { runs: runs.optional(), time: time.optional() };

/** `key=value`, `+key=value`, `~key`: flags of the command are not for the page. */
const override = z
  .string()
  .max(500)
  .regex(/^[+~]{0,2}[A-Za-z_][\w./@:-]*(=.*)?$/, "expected an override such as data.batch_size=32");

const schemas = {
  suspects: z.strictObject(judges),
  "learning-curve": z.strictObject(judges),
  next: z.strictObject({ runs: runs.optional(), count: z.int().min(1).max(1000).optional() }),
  check: z.strictObject({}),
  train: z.strictObject({
    time: time.optional(),
    model: z
      .string()
      .regex(/^[\w/.-]+$/, "expected the name of a network")
      .optional(),
    imageSize: z.int().min(8).max(2048).optional(),
    overrides: z.array(override).max(100).optional(),
    isAnew: z.boolean().optional(),
  }),
  export: z.strictObject({ runs: runs.max(1) }),
} as const satisfies Readonly<Record<JobKind, z.ZodType>>;

/** @throws CtError for options that a job of this kind does not have */
export function jobOptionsOf(kind: JobKind, given: unknown): JobOptions {
  return parseOptions<JobOptions>("", schemas[kind] as z.ZodType<JobOptions>, given);
}

/** Where a job's files are, and what it works on. */
export interface JobPlaces {
  readonly data: string;
  /** The folder of the runs. */
  readonly runs: string;
  readonly result: string;
  readonly bundle: string;
}

/** The words of the command that a job runs, without those of its result. @throws CtError for a run that is not there */
export function wordsOf(kind: JobKind, options: JobOptions, { data, runs: root, bundle }: JobPlaces): string[] {
  const folder = dataWord(data);
  const models = (options.runs ?? []).map((key) => displayPath(runFolder(root, key)));
  const judgedBy = [
    ...models.flatMap((model) => ["--model", model]),
    ...(options.time === undefined ? [] : ["--time", options.time]),
  ];
  switch (kind) {
    case "suspects":
    case "learning-curve":
      return ["data", kind, folder, ...judgedBy];
    case "next":
      return ["data", kind, folder, ...judgedBy, ...(options.count ? ["--count", String(options.count)] : [])];
    case "check":
      return ["data", kind, folder];
    case "train":
      return ["train", folder, ...trainingWords(options)];
    case "export":
      return ["export", models[0] as string, "--data", folder, "--out", displayPath(bundle), "--zip"];
  }
}

function trainingWords({ time: limit, model, imageSize, overrides = [], isAnew }: JobOptions): string[] {
  return [
    ...(limit === undefined ? [] : [`time=${limit}`]),
    ...(model === undefined ? [] : [`model=${model}`]),
    ...(imageSize === undefined ? [] : [`data.image_size=${imageSize}`]),
    ...overrides,
    ...(isAnew ? ["resume=false"] : []),
  ];
}

/** The data as a person names it on the command line: no flag, and no override. */
function dataWord(data: string): string {
  const shown = displayPath(data);
  return /^[-+~]|=/.test(shown) ? `./${shown}` : shown;
}

/** The folder of a run. @throws CtError where there is none */
export function runFolder(root: string, key: string): string {
  const dir = resolve(root, key);
  if (isInside(root, dir) && readRun(dir) !== undefined) return dir;
  throw new CtError({ code: "studio/run", what: `there is no run ${key}`, where: displayPath(root) });
}
