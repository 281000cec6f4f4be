import * as z from "@classifier-training/base/zod";
import { weightsNameSchema } from "./best-weights.ts";
import { runPaths } from "./names.ts";

/** How a run stands. `lost`: it says that it is running, but its process is gone (reported by readers only). */
export type RunStatus = "running" | "success" | "failed" | "interrupted" | "lost";

/**
 * `run.json`: what a run says of itself. Paths are relative to the run directory. Unknown keys are kept: a later
 * version may add some.
 */
export const runRecordSchema = z.looseObject({
  formatVersion: z.literal(1).default(1),
  id: z.string().describe("unique; every checkpoint of the run carries it"),
  name: z.string().describe("what people call it"),
  kind: z.string().default("train").describe("train, fast_dev_run, ..."),
  status: z.enum(["running", "success", "failed", "interrupted"]).default("running"),
  startedAt: z.string().describe("ISO 8601"),
  finishedAt: z.string().optional(),
  host: z.string().default(""),
  pid: z.number().int().optional(),
  claim: z
    .object({ host: z.string(), pid: z.number().int() })
    .optional()
    .describe("the process that is about to resume it in its directory"),
  command: z.array(z.string()).default([]),
  cwd: z.string().optional().describe("absolute: what the paths of its samples are relative to"),
  dataRoot: z.string().optional().describe("absolute: its data"),
  configPath: z.string().optional().describe("the composed configuration, YAML"),
  overridesPath: z.string().optional(),
  metricsPath: z.string().default(runPaths.metrics),
  labelsPath: z.string().optional().describe("class names by index, JSON"),
  modelPath: z.string().optional().describe("the exported model"),
  checkpointPath: z.string().optional().describe("the best checkpoint"),
  checkpointHash: z.string().optional().describe("SHA-256 of the best checkpoint's weights"),
  checkpointsPath: z.string().optional().describe("the folder of all its checkpoints"),
  continues: z
    .object({
      id: z.string().describe("the run that this one resumed"),
      dir: z.string().optional().describe("its run directory"),
      checkpoint: z.string(),
      epoch: z.number(),
      step: z.number(),
    })
    .optional(),
  monitor: z.object({ name: z.string(), mode: z.enum(["min", "max"]) }).optional(),
  plan: z
    .object({
      epochs: z.number().int().positive().optional(),
      stepsPerEpoch: z.number().int().positive().optional(),
      endsBy: z.string().optional().describe("ISO 8601: when a time limit ends the training"),
    })
    .optional()
    .catch(undefined)
    .describe("how long it trains, as planned now: epochs that are fitted to a time change in training"),
  best: z.object({ value: z.number(), epoch: z.number().optional(), step: z.number().optional() }).optional(),
  bestWeights: weightsNameSchema.optional().catch(undefined).describe("which weights were best when training ended"),
  error: z.string().optional().describe("why it failed, one line"),
});

export type RunRecord = z.infer<typeof runRecordSchema>;
export type RunRecordInput = z.input<typeof runRecordSchema>;

/** The `kind` of a trial of a few batches (`trainer.fast_dev_run`): it leaves no result. */
export const trialKind = "fast_dev_run";
