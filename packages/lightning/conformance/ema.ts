import { existsSync } from "node:fs";
import { join } from "node:path";
import { nn, noGrad, tensor } from "@classifier-training/torch";
import { EMACallback, LightningModule } from "../src/index.ts";
import type { SectionResult } from "./metrics.ts";
import { readRecording, same } from "./support.ts";

interface EmaRun {
  readonly decay: number;
  readonly trajectory: readonly {
    readonly step: number;
    readonly effective_decay: number;
    readonly ema_w: readonly number[];
    readonly ema_n: number;
    readonly ema_running_mean: readonly number[];
    readonly num_batches_tracked: number;
  }[];
}

/** The input formula of the recordings. */
function fill(count: number, k: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(0.37 * i + 0.11 * k));
}

/** One parameter, an integer buffer, and a batch norm's statistics. */
class Averaged extends LightningModule {
  readonly w = new nn.Parameter(tensor(fill(3, 0)));
  declare n: ReturnType<typeof tensor>;
  declare running_mean: ReturnType<typeof tensor>;

  constructor() {
    super();
    this.registerBuffer("n", tensor(0, { dtype: "int64" }));
    this.registerBuffer("running_mean", tensor([0]));
  }

  /** The live state at a step, as the recording says. */
  moveTo(step: number): void {
    noGrad(() => {
      this.w.copy_(tensor(fill(3, step)));
      this.n.fill_(step);
      this.running_mean.fill_(step - 1);
    });
  }
}

function runFailures(run: EmaRun): string[] {
  const module = new Averaged();
  const ema = new EMACallback({ decay: run.decay });
  ema.begin(module);
  const failures: string[] = [];
  for (const { step, effective_decay, ema_w, ema_n, ema_running_mean } of run.trajectory) {
    module.moveTo(step);
    ema.update(module);
    const average = ema.average;
    const check = (what: string, expected: unknown, actual: unknown) => {
      if (!same(expected, actual))
        failures.push(
          `decay ${run.decay} step ${step} ${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`,
        );
    };
    check("decay", effective_decay, ema.decayAt(step));
    check("w", ema_w, average?.get("w")?.tolist());
    check("n", ema_n, average?.get("n")?.item());
    check("running mean", ema_running_mean, average?.get("running_mean")?.tolist());
  }
  return failures;
}

/** EMA trajectories of `numerics.json`. */
export function emaConformance(dir: string): SectionResult[] {
  if (!existsSync(join(dir, "numerics.json"))) return [];
  const { ema } = readRecording<{ readonly ema?: { readonly runs: readonly EmaRun[] } }>(dir, "numerics.json");
  if (ema === undefined) return [];
  const failures = ema.runs.map(runFailures);
  const passed = failures.filter((each) => each.length === 0).length;
  return [{ name: "ema", passed, total: ema.runs.length, failures: failures.flat() }];
}
