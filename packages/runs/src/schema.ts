import { z } from "zod";

/** How a run stands. `lost`: it says that it is running, but its process is gone (reported by readers only). */
export type RunStatus = "running" | "success" | "failed" | "interrupted" | "lost";

/**
 * `run.json`: what a run says of itself. Paths are relative to the run directory. Unknown keys are kept: a later
 * version may add some.
 */
export const runRecordSchema = z.looseObject({
  formatVersion: z.literal(1).default(1),
  id: z.string().describe("unique among the runs of a root"),
  name: z.string().describe("what people call it"),
  kind: z.string().default("train").describe("train, evaluate, ..."),
  status: z.enum(["running", "success", "failed", "interrupted"]).default("running"),
  startedAt: z.string().describe("ISO 8601"),
  finishedAt: z.string().optional(),
  host: z.string().default(""),
  pid: z.number().int().optional(),
  command: z.array(z.string()).default([]),
  configPath: z.string().optional().describe("the composed configuration, YAML"),
  overridesPath: z.string().optional(),
  metricsPath: z.string().default("metrics.csv"),
  labelsPath: z.string().optional().describe("class names by index, JSON"),
  modelPath: z.string().optional().describe("the exported model"),
  checkpointPath: z.string().optional().describe("the best checkpoint"),
  monitor: z.object({ name: z.string(), mode: z.enum(["min", "max"]) }).optional(),
  best: z.object({ value: z.number(), epoch: z.number().optional(), step: z.number().optional() }).optional(),
  error: z.string().optional().describe("why it failed, one line"),
});

export type RunRecord = z.infer<typeof runRecordSchema>;
export type RunRecordInput = z.input<typeof runRecordSchema>;
