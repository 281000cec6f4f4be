import { checkpointsConformance } from "./checkpoints.ts";
import { emaConformance } from "./ema.ts";
import { hooksConformance } from "./hooks.ts";
import { loggingConformance } from "./logging.ts";
import { metricsConformance, type SectionResult } from "./metrics.ts";
import { resumeConformance } from "./resume.ts";

/** Recordings of Lightning by topic, and what replays those of a folder: nothing where the folder does not have them. */
export const suites: readonly (readonly [string, (dir: string) => SectionResult[] | Promise<SectionResult[]>])[] = [
  ["hooks", hooksConformance],
  ["logging", loggingConformance],
  ["checkpoints", checkpointsConformance],
  ["resume", resumeConformance],
  ["ema", emaConformance],
  ["metrics", metricsConformance],
];
