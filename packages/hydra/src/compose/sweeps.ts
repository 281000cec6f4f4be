import { ConfigCompositionError } from "../errors.ts";
import type { Override } from "../overrides/index.ts";

export type RunMode = "RUN" | "MULTIRUN";

/** Refuses sweeps where there is nothing that could run them. */
export function checkSweeps(overrides: readonly Override[], mode: RunMode, fromShell: boolean): void {
  for (const override of overrides) {
    if (!override.isSweep) continue;
    const { inputLine } = override;
    if (mode === "MULTIRUN") {
      if (!override.isHydraOverride) continue;
      throw new ConfigCompositionError(`Sweeping over Hydra's configuration is not supported : '${inputLine}'`);
    }
    if (override.valueType !== "SIMPLE_CHOICE_SWEEP") {
      throw new ConfigCompositionError(`Sweep parameters '${inputLine}' requires --multirun`);
    }
    const quoted = fromShell ? "key=\\'value1,value2\\'" : "key='value1,value2'";
    throw new ConfigCompositionError(
      `Ambiguous value for argument '${inputLine}'\n` +
        "1. To use it as a list, use key=[value1,value2]\n" +
        `2. To use it as string, quote the value: ${quoted}\n` +
        "3. To sweep over it, add --multirun to your command line",
    );
  }
}
