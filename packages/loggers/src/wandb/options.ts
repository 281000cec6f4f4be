import { prefixOption } from "@classifier-training/lightning";
import { z } from "zod";

const resumeSchema = z
  .union([z.enum(["allow", "must", "never", "auto"]), z.boolean()])
  .nullable()
  .default(null);

const ignored = z.unknown().optional().describe("accepted, without effect");

/** What Python's logger and `wandb.init` take besides, and this writer has no use for. */
const acceptedWithoutEffect = {
  addFilePolicy: ignored,
  reinit: ignored,
  force: ignored,
  allowValChange: ignored,
  settings: ignored,
  syncTensorboard: ignored,
  monitorGym: ignored,
};

export const wandbLoggerOptionsSchema = z.strictObject({
  name: z.string().nullable().default(null).describe("what the run is called; null lets W&B choose"),
  saveDir: z.string().nullable().default(null).describe("where the folder wandb/ goes; null: WANDB_DIR, or here"),
  version: z.string().nullable().default(null).describe("the same as id"),
  offline: z.boolean().default(false).describe("only write files, to be synced later"),
  dir: z.string().nullable().default(null).describe("the same as save_dir"),
  id: z.string().nullable().default(null).describe("the run's id; null makes one"),
  anonymous: z.union([z.boolean(), z.string()]).nullable().default(null).describe("accepted, without effect"),
  project: z.string().nullable().default(null).describe("null: WANDB_PROJECT, or lightning_logs"),
  logModel: z
    .union([z.literal("all"), z.boolean()])
    .default(false)
    .describe("keep checkpoints as artifacts: all of them as they are saved, or (true) those left at the end"),
  experiment: z.null().default(null).describe("an open run: cannot be given in a configuration"),
  prefix: prefixOption,
  checkpointName: z.string().nullable().default(null).describe("name of the artifact; null: model-ID"),
  entity: z.string().nullable().default(null).describe("user or team; null: WANDB_ENTITY, or the key's own"),
  group: z.string().nullable().default(null).describe("a group of runs"),
  jobType: z.string().nullable().default(null).describe("the run's type within its group"),
  tags: z.array(z.string()).nullable().default(null),
  notes: z.string().nullable().default(null),
  ...acceptedWithoutEffect,
  config: z.record(z.string(), z.unknown()).nullable().default(null).describe("values of the run's configuration"),
  mode: z.enum(["online", "offline", "disabled"]).nullable().default(null).describe("null: WANDB_MODE, or online"),
  resume: resumeSchema.describe("allow, must, never: what happens if the id exists; auto: the last run's id"),
  console: z.boolean().default(true).describe("record standard output and standard error"),
  systemMetricsInterval: z.number().min(0).default(15).describe("seconds between samples of the machine; 0 for none"),
  saveGit: z.boolean().default(true).describe("record the commit and the repository's address"),
  saveCode: z
    .boolean()
    .nullable()
    .default(null)
    .describe("upload the uncommitted changes, too (diff.patch); null: WANDB_SAVE_CODE, or false"),
  finishTimeout: z
    .number()
    .min(0)
    .default(60)
    .describe("seconds to wait at the end for a server that does not respond"),
});

export type WandbLoggerOptions = z.input<typeof wandbLoggerOptionsSchema>;
