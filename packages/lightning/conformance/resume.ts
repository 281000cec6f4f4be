import { existsSync, mkdtempSync, renameSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { nn, optim, type Tensor } from "@classifier-training/torch";
import {
  Callback,
  LightningModule,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  type Trainer,
  type TrainerView,
} from "../src/index.ts";
import { data, listFiles } from "./checkpoints.ts";
import { deviations } from "./deviations.ts";
import type { SectionResult } from "./metrics.ts";
import { quietTrainer, readRecording, same } from "./support.ts";

interface Outcome {
  readonly ckpt_path: string | null;
  readonly max_epochs: number;
  readonly loaded_from: string | null;
  readonly events: readonly unknown[];
  readonly final: readonly number[];
  readonly files: readonly string[];
  readonly best: string;
  readonly best_score: unknown;
  readonly best_k: Readonly<Record<string, unknown>>;
  readonly last: string;
  readonly error: string | null;
}

/** The metric falls by 0.1 with each validation of a process: a resumed one starts anew, as the recording's did. */
class Falling extends LightningModule<Tensor> {
  readonly l = new nn.Linear(1, 1);
  readonly #values: readonly number[];
  #next = 0;
  constructor(values: readonly number[]) {
    super();
    this.#values = values;
  }
  override forward(x: Tensor): Tensor {
    return this.l.call(x);
  }
  override trainingStep(batch: Tensor): Tensor {
    return this.forward(batch).pow(2).mean();
  }
  override validationStep(): void {
    this.log("v", this.#values[Math.min(this.#next++, this.#values.length - 1)] ?? 0);
  }
  override testStep(): void {}
  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.1 });
  }
}

class Events extends Callback {
  readonly list: unknown[] = [];
  override onTrainStart(trainer: TrainerView): void {
    this.list.push(["train_start", trainer.currentEpoch, trainer.globalStep]);
  }
  override onTrainEpochStart(trainer: TrainerView): void {
    this.list.push(["epoch_start", trainer.currentEpoch, trainer.globalStep]);
  }
}

interface Plan {
  readonly dir: string;
  readonly maxEpochs: number;
  readonly ckptPath: string | null;
  readonly checkpoint?: ModelCheckpointOptions;
  readonly values?: readonly number[];
  readonly trainBatches?: number;
  readonly from?: string;
}

const byMetric: ModelCheckpointOptions = {
  monitor: "v",
  mode: "min",
  saveTopK: 2,
  saveLast: true,
  filename: "{epoch}-{v:.2f}",
};

async function fit(plan: Plan): Promise<Outcome & { readonly trainer: Trainer; readonly checkpoint: ModelCheckpoint }> {
  const { dir, maxEpochs, ckptPath, checkpoint: options = byMetric, values = [0.5, 0.4, 0.3], trainBatches = 2 } = plan;
  const checkpoint = new ModelCheckpoint({ ...options, dirpath: dir });
  const events = new Events();
  const trainer = quietTrainer({
    maxEpochs,
    numSanityValSteps: 0,
    callbacks: [checkpoint, events],
    defaultRootDir: dir,
  });
  const local = (path: string) => (path === "" ? "" : relative(dir, path));
  let error: string | null = null;
  try {
    await trainer.fit(new Falling(values), { ...data(trainBatches), ckptPath });
  } catch (caught) {
    error = (caught as Error).message;
  }
  return {
    trainer,
    checkpoint,
    ckpt_path: ckptPath,
    max_epochs: maxEpochs,
    loaded_from: trainer.ckptPath === undefined ? null : local(trainer.ckptPath),
    events: events.list,
    final: [trainer.currentEpoch, trainer.globalStep],
    files: listFiles(dir),
    best: local(checkpoint.bestModelPath),
    best_score: checkpoint.bestModelScore,
    best_k: Object.fromEntries([...checkpoint.bestKModels].map(([path, score]) => [local(path), score])),
    last: local(checkpoint.lastModelPath),
    error,
  };
}

/** What each recorded situation does, given an empty folder; it returns what the recording lists. */
const situations: Readonly<Record<string, (dir: string) => Promise<unknown>>> = {
  last_with_nothing_saved: async (dir) => [
    await fit({ dir, maxEpochs: 2, ckptPath: "last" }),
    await fit({ dir, maxEpochs: 4, ckptPath: "last", values: [0.5, 0.4] }),
    await fit({ dir, maxEpochs: 4, ckptPath: "last" }),
    await fit({ dir, maxEpochs: 3, ckptPath: "last" }),
  ],
  explicit_path: async (dir) => {
    await fit({ dir, maxEpochs: 2, ckptPath: null });
    return fit({ dir, maxEpochs: 3, ckptPath: join(dir, "epoch=0-v=0.50.ckpt") });
  },
  missing_path: (dir) => fit({ dir, maxEpochs: 2, ckptPath: join(dir, "nope.ckpt") }),
  best_on_fresh_trainer_fit: (dir) => fit({ dir, maxEpochs: 2, ckptPath: "best" }),
  no_ckpt_path_same_dir_fresh_start: async (dir) => {
    await fit({ dir, maxEpochs: 2, ckptPath: null });
    return fit({ dir, maxEpochs: 2, ckptPath: null });
  },
  last_no_save_last_in_second: async (dir) => {
    await fit({ dir, maxEpochs: 2, ckptPath: null });
    return fit({ dir, maxEpochs: 3, ckptPath: "last", checkpoint: { ...byMetric, saveLast: null } });
  },
  last_when_only_topk_files_present: async (dir) => {
    const checkpoint = { ...byMetric, saveLast: null };
    await fit({ dir, maxEpochs: 2, ckptPath: null, checkpoint });
    return fit({ dir, maxEpochs: 3, ckptPath: "last", checkpoint });
  },
  "last_picks_newest_mtime_of_last*": async (dir) => {
    await fit({ dir, maxEpochs: 2, ckptPath: null });
    renameSync(join(dir, "last.ckpt"), join(dir, "last-v1.ckpt"));
    await fit({ dir: mkdtempSync(join(tmpdir(), "resume-")), maxEpochs: 1, ckptPath: null }).then(({ checkpoint }) => {
      renameSync(checkpoint.lastModelPath, join(dir, "last.ckpt"));
      rmSync(checkpoint.dirpath ?? "", { recursive: true, force: true });
    });
    utimesSync(join(dir, "last.ckpt"), 1000, 1000);
    return fit({ dir, maxEpochs: 3, ckptPath: "last" });
  },
  explicit_path_dirpath_changed: async (dir) => {
    const before = mkdtempSync(join(tmpdir(), "resume-"));
    await fit({ dir: before, maxEpochs: 2, ckptPath: null });
    const outcome = await fit({ dir, maxEpochs: 3, ckptPath: join(before, "last.ckpt") });
    rmSync(before, { recursive: true, force: true });
    return outcome;
  },
  mid_epoch_step3_of_5_then_resume: async (dir) => {
    const first = { everyNTrainSteps: 3, saveLast: true };
    return [
      await fit({ dir, maxEpochs: 1, ckptPath: null, checkpoint: first, trainBatches: 5 }),
      await fit({ dir, maxEpochs: 2, ckptPath: "last", checkpoint: { saveTopK: 0, saveLast: true }, trainBatches: 5 }),
    ];
  },
  test_ckpt_path: async (dir) => {
    const { trainer } = await fit({ dir, maxEpochs: 2, ckptPath: null, values: [0.5, 0.2] });
    const { valDataloaders: dataloaders } = data(2);
    const results: unknown[] = [];
    const test = async (own: Trainer, module: LightningModule | undefined, ckptPath: string | null, after: boolean) => {
      let error: string | null = null;
      try {
        await own.test(module, { dataloaders, ckptPath, verbose: false });
      } catch (caught) {
        error = (caught as Error).message;
      }
      const loaded = error === null && own.ckptPath !== undefined ? relative(dir, own.ckptPath) : null;
      results.push({ ckpt_path: ckptPath, after_fit: after, loaded, error });
    };
    for (const ckptPath of ["best", "last", null]) await test(trainer, undefined, ckptPath, true);
    const fresh = () =>
      quietTrainer({ callbacks: [new ModelCheckpoint({ dirpath: join(dir, "none") })], defaultRootDir: dir });
    for (const ckptPath of ["best", "last"]) await test(fresh(), new Falling([0.5]), ckptPath, false);
    return results;
  },
};

/** What the outcomes of `deviations` are here, where they differ from the recorded ones; the rest is as recorded. */
const ours: Readonly<Record<string, Readonly<Record<number, Readonly<Record<string, unknown>>>>>> = {
  last_when_only_topk_files_present: {
    0: {
      loaded_from: "epoch=1-v=0.40.ckpt",
      events: [
        ["train_start", 2, 4],
        ["epoch_start", 2, 4],
      ],
      files: ["epoch=0-v=0.50.ckpt", "epoch=1-v=0.40.ckpt"],
      best: "epoch=1-v=0.40.ckpt",
      best_score: Math.fround(0.4),
      best_k: { "epoch=0-v=0.50.ckpt": Math.fround(0.5), "epoch=1-v=0.40.ckpt": Math.fround(0.4) },
    },
  },
  mid_epoch_step3_of_5_then_resume: {
    1: {
      events: [
        ["train_start", 1, 5],
        ["epoch_start", 1, 5],
      ],
    },
  },
};

/** Differences of one outcome; messages and notes are not compared word by word. */
function differences(expected: Readonly<Record<string, unknown>>, actual: Readonly<Record<string, unknown>>): string[] {
  const failures: string[] = [];
  for (const [key, wanted] of Object.entries(expected)) {
    if (key === "then" || key === "ckpt_path") continue;
    if (key === "loaded_from" && expected["error"] !== null && expected["error"] !== undefined) continue;
    const got = actual[key];
    const fine =
      key === "error"
        ? (wanted === null) === (got === null)
        : key === "loaded_from" && typeof wanted === "string" && wanted.startsWith("..")
          ? String(got).endsWith("/last.ckpt")
          : same(wanted, got);
    if (!fine) failures.push(`${key}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
  }
  return failures;
}

/** What `ckptPath` loads, and what becomes of the files. */
export async function resumeConformance(dir: string): Promise<SectionResult[]> {
  if (!existsSync(join(dir, "checkpoints.json"))) return [];
  const { resume } = readRecording<{ readonly resume?: Record<string, unknown> }>(dir, "checkpoints.json");
  if (resume === undefined) return [];
  const failures: string[] = [];
  let passed = 0;
  for (const [name, expected] of Object.entries(resume)) {
    const situation = situations[name];
    const folder = mkdtempSync(join(tmpdir(), "resume-"));
    const wrong: string[] = [];
    if (situation === undefined) wrong.push("there is no code for this situation");
    else {
      const actual = [await situation(folder)].flat();
      for (const [i, each] of ([expected].flat() as Record<string, unknown>[]).entries()) {
        const own = deviations[name] === undefined ? undefined : ours[name]?.[i];
        const found = actual[i] as Record<string, unknown>;
        if (own !== undefined && differences(each, found).length === 0) wrong.push(`[${i}] no longer deviates`);
        wrong.push(...differences({ ...each, ...own }, found).map((one) => `[${i}] ${one}`));
      }
    }
    rmSync(folder, { recursive: true, force: true });
    if (wrong.length === 0) passed++;
    else failures.push(`${name}: ${wrong.join("; ")}`);
  }
  return [{ name: "checkpoints.resume", passed, total: Object.keys(resume).length, failures }];
}
