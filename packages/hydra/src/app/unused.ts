import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import { type Container, DictConfig, isConfig } from "../omegaconf/containers.ts";
import type { Node } from "../omegaconf/node.ts";
import { originText } from "../omegaconf/origin.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { trackReads } from "../omegaconf/reads.ts";
import { selectRaw } from "../omegaconf/select.ts";
import type { Invocation } from "./main.ts";

/**
 * `--info unused`: runs the application's dry run (or the task, told that it is one) and lists the keys that nothing
 * read: settings without any effect.
 */
export async function showUnused<T>(invocation: Invocation<T>, say: (line: string) => void): Promise<void> {
  const { args, loader, configName, task, dryRun } = invocation;
  const { config } = loader.load({ configName, overrides: args.overrides, runMode: "RUN" });
  HydraConfig.set(config);
  const taskConfig = withoutHydraCopy(config);
  const outputDir = pythonStr(selectRaw(config, "hydra.run.dir"));
  const tracker = trackReads();
  try {
    const context = { config, outputDir, originalCwd: process.cwd(), overrides: args.overrides, dryRun: true };
    await (dryRun ?? task)(taskConfig, context);
  } finally {
    tracker.stop();
  }
  const unused = unusedNodes(taskConfig, tracker.keys);
  if (unused.length === 0) return say("every key was read");
  for (const node of unused) {
    say(`${node.origin === undefined ? "" : `${originText(node.origin)}: `}${node.fullKey()} was never read`);
  }
}

/** The leaves that were not read; of a mapping none of whose keys was read, the mapping alone. */
export function unusedNodes(config: Container, read: ReadonlySet<string>): Node[] {
  return [...config.nodes()].flatMap((node) => {
    if (!isConfig(node)) return read.has(node.fullKey()) ? [] : [node];
    if (node.size === 0) return read.has(node.fullKey()) ? [] : [node];
    const inner = unusedNodes(node, read);
    const isWhole = inner.length === node.size && inner.every((child) => child.parent === node);
    // A list whose items were not read one by one may still have been read as a whole.
    if (!(node instanceof DictConfig) && read.has(node.fullKey())) return [];
    return isWhole ? [node] : inner;
  });
}
