import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Annotations,
  epochFolder,
  evaluationPaths,
  MetricsWriter,
  type RunRecordInput,
  RunWriter,
  runPaths,
  TimelineWriter,
  writeAnnotations,
  writeLabelsMapping,
} from "@classifier-training/runs";

export interface RunOnDisk {
  readonly status?: "running" | "success" | "failed" | "interrupted" | "killed";
  readonly record?: Partial<RunRecordInput>;
  /** A job of a sweep, whose folder is the one above. */
  readonly isSwept?: boolean;
  /** YAML below the usual keys. */
  readonly values?: Readonly<Record<string, string | number>>;
  readonly classes?: readonly string[];
  readonly epochs?: number;
  readonly stepsAnEpoch?: number;
  readonly maxEpochs?: number;
  /** How good it gets, 0 to 1. */
  readonly level?: number;
  readonly annotations?: Partial<Annotations>;
  /** Seconds between two epochs, in the timeline. */
  readonly secondsAnEpoch?: number;
  /** A value that is not finite, in this epoch. */
  readonly nanAt?: number;
  /** Figures of the machine, every 5 seconds. */
  readonly hasSystemMetrics?: boolean;
  /** The first epoch of a second start. */
  readonly resumedAt?: number;
}

export interface WrittenRun {
  readonly dir: string;
  readonly run: RunWriter;
  readonly metrics: MetricsWriter;
  /** Logs one more epoch. */
  readonly epoch: (epoch: number) => void;
}

/** A run directory as the trainer writes it, with its writers still open. */
export function writeRun(dir: string, options: RunOnDisk = {}): WrittenRun {
  const { status = "success", record, values = {}, classes = [], epochs = 3, stepsAnEpoch = 4, level = 0.8 } = options;
  mkdirSync(join(dir, runPaths.hydra), { recursive: true });
  if (options.isSwept) writeFileSync(join(dirname(dir), runPaths.sweepConfig), "");
  writeFileSync(join(dir, runPaths.config), configText({ "trainer.max_epochs": options.maxEpochs ?? 10, ...values }));
  writeFileSync(
    join(dir, runPaths.overrides),
    Object.entries(values)
      .map(([name, value]) => `- ${name}=${value}\n`)
      .join(""),
  );
  const run = RunWriter.open(dir, { monitor: { name: "val/acc_top1", mode: "max" }, ...record });
  const metrics = new MetricsWriter(join(dir, runPaths.metrics));
  const noise = (a: number, b: number) => Math.sin(a * 12.9898 + b * 78.233) * 0.03;
  const epoch = (index: number) => {
    const done = 1 - Math.exp(-(index + 1) / 4);
    for (let i = 0; i < stepsAnEpoch; i++) {
      const part = 1 - Math.exp(-(index + i / stepsAnEpoch + 0.3) / 4);
      const loss = 2.3 * (1 - level * part) + noise(index * 100 + i, level) * 4;
      metrics.append({
        epoch: index,
        step: index * stepsAnEpoch + i,
        "train/loss_step": loss,
        "lr-AdamW": 1e-3 * (1 - part / 2),
      });
    }
    const accuracy = level * done + noise(index, level);
    const last = (index + 1) * stepsAnEpoch - 1;
    const perClass = classes.map((_, i): [string, number] => [
      `val/acc_class_${i}`,
      Math.min(1, Math.max(0, accuracy + noise(i, index) * 6)),
    ]);
    metrics.append({
      epoch: index,
      step: last,
      "val/loss": index === options.nanAt ? Number.NaN : 2.3 * (1 - level * 0.9 * done) + noise(index, 2),
      "val/acc_top1": accuracy,
      "val/acc_top5": Math.min(1, accuracy + 0.15),
      ...Object.fromEntries(perClass),
    });
    metrics.append({
      epoch: index,
      step: last,
      "train/loss_epoch": 2.2 * (1 - level * done),
      "train/acc_top1": level * done + 0.05,
    });
    const best = run.record.best?.value ?? Number.NEGATIVE_INFINITY;
    if (accuracy > best) run.update({ best: { value: accuracy, epoch: index, step: last } });
  };
  for (let index = 0; index < epochs; index++) epoch(index);
  writeTimeline(dir, options, epochs, stepsAnEpoch);
  if (options.hasSystemMetrics) writeSystem(dir, options, epochs);
  if (classes.length > 0) writeLabels(dir, classes);
  if (options.annotations) writeAnnotations(dir, options.annotations);
  // The process of a killed run is gone; no process has this number.
  if (status === "killed") run.update({ pid: 2 ** 22 + 1 });
  else if (status !== "running")
    run.finish(status, status === "failed" ? "CUDA out of memory: tried to allocate 2 GiB" : undefined);
  return { dir, run, metrics, epoch };
}

function writeTimeline(dir: string, options: RunOnDisk, epochs: number, stepsAnEpoch: number): void {
  const { secondsAnEpoch = 60, resumedAt } = options;
  const path = join(dir, runPaths.timeline);
  const start = Date.now() / 1000 - epochs * secondsAnEpoch;
  const lines = Array.from({ length: epochs * stepsAnEpoch }, (_, step) => {
    const isSecond = resumedAt !== undefined && step >= resumedAt * stepsAnEpoch;
    const time = start + (step / stepsAnEpoch) * secondsAnEpoch + (isSecond ? 3600 : 0);
    return `${step},${time.toFixed(3)},${isSecond ? 1 : 0}\n`;
  });
  new TimelineWriter(path);
  writeFileSync(path, lines.join(""), { flag: "a" });
}

function writeSystem(dir: string, { secondsAnEpoch = 60 }: RunOnDisk, epochs: number): void {
  const writer = new MetricsWriter(join(dir, runPaths.system));
  const seconds = epochs * secondsAnEpoch;
  const start = Date.now() / 1000 - seconds;
  for (let at = 0; at < seconds; at += 5) {
    writer.append({
      time: start + at,
      step: at,
      cpu_percent: 70 + 20 * Math.sin(at / 30),
      memory_percent: 40 + at / seconds,
      process_memory_mb: 800 + 200 * (1 - Math.exp(-at / 60)),
      images_per_second: 120 + 10 * Math.cos(at / 20),
      data_wait_percent: 3 + 2 * Math.sin(at / 10),
    });
  }
  writer.close();
}

function configText(values: Readonly<Record<string, string | number>>): string {
  const sections = new Map<string, string[]>();
  for (const [name, value] of Object.entries(values)) {
    const [section = "", key = ""] = name.split(/\.(.*)/);
    sections.set(section, [...(sections.get(section) ?? []), `  ${key}: ${value}\n`]);
  }
  return [...sections].map(([section, lines]) => `${section}:\n${lines.join("")}`).join("");
}

function writeLabels(dir: string, classes: readonly string[]): void {
  writeLabelsMapping(dir, {
    num_classes: classes.length,
    idx_to_class: Object.fromEntries(classes.map((name, i) => [i, name])),
    class_to_idx: Object.fromEntries(classes.map((name, i) => [name, i])),
    normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  });
}

/** The folder of an epoch with an image in it. */
export function writeImage(dir: string, epoch: number, png: Uint8Array): string {
  const path = `${epochFolder(epoch)}/${evaluationPaths.confusionMatrix}`;
  mkdirSync(join(dir, epochFolder(epoch)), { recursive: true });
  writeFileSync(join(dir, path), png);
  return path;
}

/** Many runs like one another, written at once: their records are those of one run, with other ids, names and starts. */
export function writeRuns(folder: string, count: number): void {
  const { dir } = writeRun(join(folder, "0000"), { epochs: 2 });
  const [record = "", metrics = "", config = ""] = [runPaths.record, runPaths.metrics, runPaths.config].map((name) =>
    readFileSync(join(dir, name), "utf8"),
  );
  const { id, ...rest } = JSON.parse(record) as Record<string, unknown>;
  for (let i = 1; i < count; i++) {
    const number = String(i).padStart(4, "0");
    const copy = join(folder, number);
    mkdirSync(join(copy, runPaths.hydra), { recursive: true });
    const start = new Date(Date.UTC(2025, 0, 1) + i * 60_000).toISOString();
    const own = {
      ...rest,
      id: `${id}-${i}`,
      name: `run ${number}`,
      startedAt: start,
      finishedAt: start,
      best: { value: i },
    };
    writeFileSync(join(copy, runPaths.record), JSON.stringify(own));
    writeFileSync(join(copy, runPaths.metrics), metrics);
    writeFileSync(join(copy, runPaths.config), `${config}seed: ${i}\n`);
  }
}
