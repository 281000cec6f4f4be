import { resolve } from "node:path";
import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import { unusedLeaves } from "../omegaconf/explain.ts";
import { originText } from "../omegaconf/origin.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { trackReads } from "../omegaconf/reads.ts";
import { selectRaw } from "../omegaconf/select.ts";
import { update } from "../omegaconf/update.ts";
import type { Invocation } from "./invocation.ts";

/**
 * `--info unused`: runs the application's dry run (or the task, with `job.dryRun` set) and lists the keys that nothing
 * read: settings without any effect.
 */
export async function showUnused<T>(invocation: Invocation<T>, say: (line: string) => void): Promise<void> {
  const { args, loader, configName, task, dryRun } = invocation;
  const { config } = loader.load({ configName, overrides: args.overrides, runMode: "RUN" });
  HydraConfig.set(config);
  const taskConfig = withoutHydraCopy(config);
  const outputDir = resolve(pythonStr(selectRaw(config, "hydra.run.dir")));
  update(config, "hydra.runtime.output_dir", outputDir);
  const tracker = trackReads();
  try {
    const context = { config, outputDir, originalCwd: process.cwd(), overrides: args.overrides, dryRun: true };
    await (dryRun ?? task)(taskConfig, context);
  } finally {
    tracker.stop();
  }
  const unused = unusedLeaves(taskConfig, tracker.keys);
  if (unused.length === 0) return say("every key was read");
  for (const node of unused) {
    const place = node.origin === undefined ? "" : `${originText(node.origin)}: `;
    say(`${place}${node.fullKey()} was never read`);
  }
}
