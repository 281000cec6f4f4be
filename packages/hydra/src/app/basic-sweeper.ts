import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ConfigCompositionError } from "../errors.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectRaw } from "../omegaconf/select.ts";
import { toYaml } from "../omegaconf/to-yaml.ts";
import { type Override, parseOverrides } from "../overrides/index.ts";
import { mustEnd } from "../overrides/ranges.ts";
import { RangeSweep } from "../overrides/values.ts";
import { SweepFailure } from "./failure.ts";
import type { SweeperFactory } from "./plugin.ts";
import { writeRecord } from "./snapshots.ts";
import { loadSweepConfig } from "./sweep-config.ts";
import type { JobReturn } from "./task.ts";

/** Runs every combination of the values that the overrides list, in batches if asked to. */
export const basicSweeper: SweeperFactory = (options, { loader, loaded }, launcher) => {
  const batchSize = (options["max_batch_size"] ?? undefined) as number | undefined;
  const params = Object.entries((options["params"] ?? {}) as Record<string, unknown>);
  return {
    async sweep(overrides) {
      const { config, repository } = loaded;
      const lines = [...params.map(([key, value]) => `${key}=${pythonStr(value)}`), ...overrides];
      const jobs = combinations(parseOverrides(lines), (group) => repository.groupOptions(group));
      const folder = pythonStr(selectRaw(config, "hydra.sweep.dir"));
      mkdirSync(folder, { recursive: true });
      writeRecord(join(folder, "multirun.yaml"), toYaml(config));
      const results: (readonly JobReturn[])[] = [];
      let first = 0;
      for (const batch of batches(jobs, batchSize)) {
        // Composing all of them first finds errors before any job has run.
        for (const job of batch) loadSweepConfig(loader, config, job);
        const returned = await launcher.launch(batch, first);
        first += batch.length;
        results.push(returned);
        if (returned.some(({ status }) => status === "FAILED")) throw new SweepFailure(results.flat(), jobs.length);
      }
      return results;
    },
  };
};

/** The overrides of each job: the last of those with the same key counts, the last key varies fastest. */
export function combinations(
  overrides: readonly Override[],
  options: (group: string) => readonly string[],
): string[][] {
  const choices = new Map<string, string[]>();
  for (const override of overrides) {
    const key = override.keyElement;
    if (override.isListEdit) choices.set(`${key} ${override.inputLine}`, [override.inputLine]);
    else if (!override.isSweep) choices.set(key, [`${key}=${override.valueText()}`]);
    else if (override.isDiscreteSweep) {
      if (override.rawValue instanceof RangeSweep) mustEnd(override.rawValue);
      choices.set(
        key,
        Array.from(override.sweepTexts(options), (value) => `${key}=${value}`),
      );
    } else {
      throw new ConfigCompositionError(`BasicSweeper does not support sweep type : ${override.valueType}`, {
        fix: `list its values: ${override.keyOrGroup}=choice(a,b), or range(start,stop,step)`,
      });
    }
  }
  let jobs: string[][] = [[]];
  for (const values of choices.values()) jobs = jobs.flatMap((job) => values.map((value) => [...job, value]));
  return jobs;
}

function batches<T>(items: readonly T[], size: number | undefined): T[][] {
  if (size === undefined) return [[...items]];
  if (!Number.isInteger(size) || size < 1) {
    throw new ConfigCompositionError(`hydra.sweeper.max_batch_size must be a positive number, got ${size}`);
  }
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
