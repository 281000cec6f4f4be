import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  CtError,
  cacheFolder,
  displayPath,
  getLogger,
  plural,
  progressInLog,
  trimCache,
  writeFileAtomic,
} from "@classifier-training/base";
import { textOverride } from "@classifier-training/hydra";
import { readRun, readSplitRecord, runInUse, runPaths } from "@classifier-training/runs";
import { describeTime, parseTime } from "../training/time-budget.ts";
import type { LabeledData } from "./labeled-data.ts";
import { progressMs } from "./network.ts";

const log = getLogger("classifier.data");
const program = fileURLToPath(new URL("../../bin/classifier.js", import.meta.url));

/** Of the folds of all data. */
const maxBytes = 4 * 2 ** 30;
/** More images that the folds do not know make other folds. */
const mostUnknown = 0.2;

export interface FoldChoices {
  /** How many; each image is held out by one. */
  readonly folds: number;
  /** For all of them together: `5m`. */
  readonly time: string;
  /** Further words of `classifier train`. */
  readonly words: readonly string[];
  /** Trains again what was trained before. */
  readonly retrain: boolean;
  /** Fractions of the training images that are also trained on, for a learning curve. */
  readonly fractions?: readonly number[];
}

interface Plan {
  readonly dir: string;
  readonly words: readonly string[];
  /** Of the training images of the fold. */
  readonly fraction: number;
}

/** What only reports, and the export, take time and room. */
const without = [
  ...["onnx_export", "grad_cam", "sample_visualization", "confusion_matrix", "replay", "data_check"],
  ...["dataset_statistics", "model_info"],
].map((name) => `callbacks.${name}=null`);

/**
 * Trains the shipped photo configuration on folds of the data, each in a process of its own. What is complete from an
 * earlier call is used again, also after some labels have changed; what was interrupted is resumed.
 * @returns the run directories
 * @throws CtError where a training fails, or the time is too short
 */
export async function trainFolds(data: LabeledData, choices: FoldChoices): Promise<string[]> {
  const { folds, time, fractions = [] } = choices;
  const words = wordsOf(choices);
  const key = createHash("sha256")
    .update(JSON.stringify([resolve(data.root), folds, words]))
    .digest("hex");
  const folder = join(cacheFolder("folds"), key.slice(0, 16));
  const sizes = [1, ...fractions];
  const isTimed = !words.some((word) => /^\+*trainer\.max_epochs=/.test(word));
  const seconds = isTimed ? shareTime(time, folds * sizes.length) : 0;
  const plans = sizes.flatMap((fraction) =>
    Array.from({ length: folds }, (_, fold): Plan => {
      const name = fraction === 1 ? `fold_${fold}` : `fold_${fold}_of_${Math.round(100 * fraction)}_percent`;
      const dir = join(folder, name);
      const size = fraction === 1 ? [] : [`data.test_fraction=${1 - fraction}`];
      const limit = isTimed ? [`time=${seconds}s`] : [];
      return { dir, fraction, words: [`data.folds=${folds}`, `data.fold=${fold}`, ...size, ...limit, ...words] };
    }),
  );
  if (!isOf(data, folder, folds) || choices.retrain) rmSync(folder, { recursive: true, force: true });
  const open = plans.filter(({ dir }) => !isComplete(dir));
  if (open.length === 0)
    log.info(
      `using ${plural(plans.length, "network")} of folds in ${displayPath(folder)} (--retrain trains them anew)`,
    );
  else {
    log.info(
      `training ${plural(open.length, "network")} on folds of the images${isTimed ? `, in ${describeTime(open.length * seconds)}` : ""}, in ${displayPath(folder)}; the same command resumes, --model RUN uses a trained network`,
    );
    writeFileAtomic(join(folder, "data.json"), `${JSON.stringify(contentsOf(data))}\n`);
  }
  const isCurve = isTimed && fractions.length > 0;
  for (const [i, { dir, fraction, words: own }] of open.entries()) {
    const equal = isCurve ? equallyLong(plans[0] as Plan, fraction) : [];
    const progress = progressOf(`training (network ${i + 1} of ${open.length})`, seconds);
    await trainOne(data.root, dir, [...own, ...equal], progress);
  }
  trimCache(cacheFolder("folds"), maxBytes, folder);
  return plans.map(({ dir }) => dir);
}

/**
 * Overrides by which a network sees as many images as the first one did, however busy the machine is by then: of networks
 * that were stopped by the clock, a curve would show its load. None for the first one.
 */
function equallyLong({ dir }: Plan, fraction: number): string[] {
  const epochs = isComplete(dir) ? readRun(dir)?.record.plan?.epochs : undefined;
  if (epochs === undefined) return [];
  const own = Math.max(1, Math.round(epochs / fraction));
  return [`trainer.max_epochs=${own}`, "trainer.max_time=null", "callbacks.fit_to_time=null"];
}

/** A training takes at least so long, to have an epoch. */
const leastSeconds = 30;

/**
 * Seconds of each network, those of fewer images as well: they see as many.
 * @throws CtError for a time in which not all have an epoch
 */
function shareTime(time: string, networks: number): number {
  const total = parseTime(time);
  if (total >= leastSeconds * networks) return Math.floor(total / networks);
  const least = Math.ceil((leastSeconds * networks) / 60);
  throw new CtError({
    code: "data/folds",
    what: `--time ${time}: expected ${least}m or more for ${networks} networks, received ${total} s`,
    fix: `give --time ${least}m or more, or a trained network with --model RUN`,
  });
}

/** @throws CtError for what the folds decide */
function wordsOf({ words, folds }: FoldChoices): string[] {
  const wrong = words.find((word) => /^\+*(data\.(folds?|val_fraction|test_fraction)|time|hydra\..*)=/.test(word));
  if (wrong === undefined && words.every((word) => /^[+~\w@./]+=|^~/.test(word))) return [...words];
  throw new CtError({
    code: "data/folds",
    what: `expected overrides of the data or of the training, such as data.group=player or model=resnet34; received ${wrong ?? words.find((word) => !/^[+~\w@./]+=|^~/.test(word))}`,
    fix: `the folds are chosen by --folds ${folds} and --time 5m`,
  });
}

/** Whether the folds in a folder are of this data, of which labels may have changed and a few images may be new. */
function isOf(data: LabeledData, folder: string, folds: number): boolean {
  const file = join(folder, "data.json");
  if (!existsSync(file)) return false;
  try {
    const before = JSON.parse(readFileSync(file, "utf8")) as ReturnType<typeof contentsOf>;
    const now = contentsOf(data);
    if (now.digest === before.digest) return true;
    const known = new Set(before.contents);
    const unknown = now.contents.filter((content) => !known.has(content)).length;
    const isNear = before.classes.join("\n") === now.classes.join("\n") && unknown <= mostUnknown * now.contents.length;
    // One that was interrupted cannot be resumed with other labels.
    const isWhole = Array.from({ length: folds }, (_, fold) => join(folder, `fold_${fold}`)).every(isComplete);
    if (isNear && isWhole)
      log.info("labels or images have changed since the folds were trained: --retrain trains them anew");
    return isNear && isWhole;
  } catch {
    return false;
  }
}

function contentsOf({ images }: LabeledData) {
  const lines = images.map(({ content, label }) => `${content} ${label}`).sort();
  return {
    digest: createHash("sha256").update(lines.join("\n")).digest("hex"),
    classes: [...new Set(images.map(({ label }) => label))].sort(),
    contents: images.map(({ content }) => content),
  };
}

function isComplete(dir: string): boolean {
  try {
    return readRun(dir)?.status === "success" && readSplitRecord(join(dir, runPaths.split)).samples.length > 0;
  } catch {
    return false;
  }
}

/** Seconds of all that there are; 0 where they are not known. */
function progressOf(name: string, total: number): () => void {
  const started = performance.now();
  const show = progressInLog(log, (done, all) => `${name}: ${done} of ${all} s`, progressMs);
  return () => {
    const seconds = Math.round((performance.now() - started) / 1000);
    // It may take a little longer.
    if (total > 0) show(Math.min(seconds, total - 1), total);
  };
}

async function trainOne(root: string, dir: string, words: readonly string[], onTick: () => void): Promise<void> {
  for (;;) {
    // Of the same command in another process, or one that was left behind.
    while (runInUse(dir) !== undefined) {
      onTick();
      await sleep(500);
    }
    if (isComplete(dir)) return;
    const isResumed = existsSync(dir);
    const { code, text } = await runTraining(root, dir, words, onTick);
    if (code === 0 && isComplete(dir)) return;
    if (!isResumed) throw failed(dir, text);
    // What is there cannot be resumed.
    rmSync(dir, { recursive: true, force: true });
  }
}

function runTraining(root: string, dir: string, words: readonly string[], onTick: () => void) {
  mkdirSync(dir, { recursive: true });
  const args = [
    ...["train", root, ...words, ...without, "callbacks.model_checkpoint.save_top_k=1"],
    textOverride("callbacks.model_checkpoint.dirpath", join(dir, runPaths.checkpoints)),
    textOverride("hydra.run.dir", dir),
  ];
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  const output = createWriteStream(join(dir, "output.log"));
  let text = "";
  child.stderr.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString("utf8")).slice(-4000);
    output.write(chunk);
  });
  const signals = ["SIGINT", "SIGTERM"] as const;
  let caught: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    caught = signal;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, stop);
  const timer = setInterval(onTick, progressMs);
  return new Promise<{ code: number | null; text: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      output.end();
      for (const signal of signals) process.off(signal, stop);
      // The training has kept what it has reached.
      if (caught !== undefined) process.kill(process.pid, caught);
      else resolve({ code, text });
    });
  });
}

function failed(dir: string, text: string): CtError {
  const lines = text
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.includes("HYDRA_FULL_ERROR"));
  // The message may be followed by a long list.
  const first = lines.findIndex((line) => /error|could not|cannot|expected|unknown|failed/i.test(line));
  return new CtError({
    code: "data/fold-training",
    what: `the training of a fold failed:\n${(first < 0 ? lines.slice(-6) : lines.slice(first, first + 6)).join("\n")}`,
    where: displayPath(dir),
    fix: "fix the cause and run the same command again, or give a trained network with --model RUN",
  });
}
