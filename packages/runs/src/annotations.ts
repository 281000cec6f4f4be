import { existsSync } from "node:fs";
import { join } from "node:path";
import { CtError, parseOptions, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { runPaths } from "./names.ts";

/** `annotations.json`: what people note about a run, beside it; the run itself never reads it. */
const annotationsSchema = z.strictObject({
  name: z.string().trim().max(200).default("").describe("shown instead of the run's own name; empty for that one"),
  tags: z.array(z.string().trim().min(1).max(60)).max(50).default([]),
  notes: z.string().max(20_000).default(""),
  archived: z.boolean().default(false).describe("left out of lists unless asked for"),
});

export type Annotations = z.output<typeof annotationsSchema>;

const maxBytes = 2 ** 20;

/** The annotations of a run; none where the file is missing or damaged. */
export function readAnnotations(dir: string): Annotations {
  const path = join(dir, runPaths.annotations);
  try {
    if (existsSync(path)) return annotationsSchema.parse(JSON.parse(readRegularFile(path, maxBytes).toString("utf8")));
  } catch {
    // Someone else's file, or a damaged one: the run can be shown without it.
  }
  return annotationsSchema.parse({});
}

/** @throws CtError `runs/annotations` when a field is not valid */
export function writeAnnotations(dir: string, annotations: z.input<typeof annotationsSchema>): Annotations {
  const parsed = parseOptions("", annotationsSchema, annotations, (problem) => {
    return new CtError({ code: "runs/annotations", ...problem, where: runPaths.annotations });
  });
  writeFileAtomic(join(dir, runPaths.annotations), `${JSON.stringify(parsed, null, 2)}\n`);
  return parsed;
}
