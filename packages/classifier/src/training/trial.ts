import { rmSync } from "node:fs";
import { scratchFolder } from "@classifier-training/base";
import { type DictConfig, openDict, readWrite, select, selectNode } from "@classifier-training/hydra";

/** Whether a configuration asks for a `fast_dev_run`: every part once, on a few batches. */
export function isTrial(config: DictConfig): boolean {
  const wanted = select(config, "trainer.fast_dev_run");
  return wanted !== undefined && wanted !== null && Number(wanted) !== 0;
}

/**
 * Sends what the parts of a trial write for `${hydra:runtime.output_dir}` to a temporary folder: no later command finds a
 * model or a report of it, however the process ends.
 */
export function trialFolder(hydraConfig: DictConfig): { remove(): void } {
  const folder = scratchFolder("fast-dev-run");
  const runtime = selectNode(hydraConfig, "hydra.runtime") as DictConfig;
  readWrite(runtime, () => openDict(runtime, () => runtime.set("output_dir", folder)));
  return { remove: () => rmSync(folder, { recursive: true, force: true }) };
}
