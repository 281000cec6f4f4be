import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";
import { checkpointPaths } from "./names.ts";

/** What a command chose for itself, so that the same command chooses the same again. */
const decisionsSchema = z.looseObject({
  /** What the choices hang on: the command's words, and the data. */
  command: z.record(z.string(), z.unknown()),
  decisions: z.array(
    z.looseObject({
      key: z.string(),
      value: z.union([z.string(), z.number(), z.boolean()]),
      why: z.string(),
    }),
  ),
});

export type Decisions = z.infer<typeof decisionsSchema>;

/** So many commands are remembered for one checkpoint folder. */
const most = 100;

/** The decisions noted in a checkpoint folder, the latest first. A file that cannot be read has none. */
export function readDecisions(folder: string): Decisions[] {
  try {
    const text = readFileSync(join(folder, checkpointPaths.decisions), "utf8");
    return z.array(decisionsSchema).parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Notes the decisions of a command in a checkpoint folder, in place of earlier ones of the same command. */
export function noteDecisions(folder: string, noted: Decisions): void {
  const same = JSON.stringify(noted.command);
  const others = readDecisions(folder).filter(({ command }) => JSON.stringify(command) !== same);
  mkdirSync(folder, { recursive: true });
  const all = [noted, ...others].slice(0, most);
  writeFileAtomic(join(folder, checkpointPaths.decisions), `${JSON.stringify(all, null, 2)}\n`);
}
