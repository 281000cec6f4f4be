import { existsSync, readFileSync } from "node:fs";
import { writeFileAtomic } from "@classifier-training/base";
import { z } from "zod";
import type { StreamOffsets } from "./file-stream.ts";

const offsets = z.object({ history: z.int(), events: z.int(), console: z.int() });

const progressSchema = z.object({
  /** Lines of this log that the server has acknowledged. */
  sent: offsets.default({ history: 0, events: 0, console: 0 }),
  /** Lines that the server had before, of an earlier part of the run. */
  base: offsets.default({ history: 0, events: 0, console: 0 }),
  stepShift: z.int().default(0),
  /** Whether the server was asked for an earlier part already. */
  isResumeChecked: z.boolean().default(false),
  storageId: z.string().optional(),
  uploaded: z.array(z.string()).default([]),
  artifacts: z.array(z.string()).default([]),
  isComplete: z.boolean().default(false),
});

/** How far a run was sent: kept beside its log, so that whoever sends the rest begins where it stopped. */
export class Progress {
  readonly path: string;
  readonly state: z.infer<typeof progressSchema>;

  constructor(logPath: string) {
    this.path = `${logPath}.progress.json`;
    const parsed = existsSync(this.path) ? progressSchema.safeParse(readJson(this.path)) : undefined;
    this.state = parsed?.success ? parsed.data : progressSchema.parse({});
  }

  save(): void {
    writeFileAtomic(this.path, JSON.stringify(this.state));
  }

  /** Takes over what a file stream has had acknowledged. */
  acknowledge(acknowledged: StreamOffsets): void {
    const { base, sent } = this.state;
    for (const stream of ["history", "events", "console"] as const) sent[stream] = acknowledged[stream] - base[stream];
    this.save();
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
