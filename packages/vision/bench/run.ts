import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Transform } from "@classifier-training/image";
import { byteImage, encodeJpeg } from "@classifier-training/image";
import { setNumThreads } from "@classifier-training/torch";
import { trainPipelines, validationPipeline } from "../../image/test/recipes.ts";
import { ImageDataset } from "../src/datasets/dataset.ts";
import { JsonlDataset } from "../src/datasets/jsonl.ts";
import { DataLoader } from "../src/loader/data-loader.ts";

const seconds = Number(process.env["BENCH_SECONDS"] ?? 5);
const folder = mkdtempSync(join(tmpdir(), "vision-bench-"));
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Photographs of 640x480: smooth shapes with texture, about 60 kB each. */
async function generated(count: number): Promise<string[]> {
  const [width, height] = [640, 480];
  const paths: string[] = [];
  for (let n = 0; n < count; n++) {
    const pixels = new Uint8Array(width * height * 3);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const texture = 20 * Math.sin((x * (n + 3)) / 7 + Math.cos(y / 5) * 3);
        for (let c = 0; c < 3; c++)
          pixels[i++] = 128 + 80 * Math.sin(x / (90 + 9 * c) + n) * Math.cos(y / 70) + texture;
      }
    }
    const path = join(folder, `${n}.jpg`);
    writeFileSync(path, await encodeJpeg(byteImage(pixels, width, height), 90));
    paths.push(path);
  }
  return paths;
}

/** The real crops, or smaller generated images where they are absent. */
function crops(): string[] | undefined {
  const root = fileURLToPath(new URL("../../../../shared/data/basketball-jersey-numbers-ocr", import.meta.url));
  if (!existsSync(root)) return undefined;
  return new JsonlDataset({ root, split: "valid" }).paths as string[];
}

interface Rate {
  readonly perSecond: number;
  /** Images per second of CPU time: what one core does. */
  readonly perCpuSecond: number;
}

/** Our loader, from files to batches of 32 as normalized float32 tensors. */
async function ours(paths: readonly string[], transform: Transform, workers: number): Promise<Rate> {
  const long = Array.from({ length: 200 }, () => paths).flat();
  const dataset = new ImageDataset({
    name: "bench",
    source: { kind: "files", paths: long },
    targets: new Int32Array(long.length),
    classToIdx: new Map([["0", 0]]),
    paths: long,
  });
  const loader = new DataLoader(dataset, {
    batchSize: 32,
    dropLast: true,
    transform,
    seed: 1,
    numWorkers: workers,
    exactWorkers: true,
    computeOnCpu: false,
  });
  let images = 0;
  let started = 0;
  let cpu = process.cpuUsage();
  let batches = 0;
  for await (using batch of loader) {
    // The first batches start threads and compile.
    if (++batches < 5) continue;
    if (batches === 5) {
      started = performance.now();
      cpu = process.cpuUsage();
      continue;
    }
    images += batch.indices.length;
    if (performance.now() - started > seconds * 1000) break;
  }
  const wall = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  await loader.close();
  return { perSecond: images / wall, perCpuSecond: images / ((used.user + used.system) / 1e6) };
}

/** torchvision on one core, for the same files, to the same batches. */
function theirs(name: string, paths: readonly string[]): Rate | undefined {
  const listing = join(folder, "files.txt");
  writeFileSync(listing, paths.join("\n"));
  const script = fileURLToPath(new URL("./torchvision_bench.py", import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: "1" };
  const run = spawnSync("/usr/bin/python3", [script, name, listing, String(seconds)], { encoding: "utf8", env });
  if (run.status !== 0) return undefined;
  const { images, wallSeconds, cpuSeconds } = JSON.parse(run.stdout) as Record<string, number>;
  return { perSecond: images! / wallSeconds!, perCpuSecond: images! / cpuSeconds! };
}

function otherProcessLoad(): string {
  const others = loadavg()[0] as number;
  return others > 0.5 ? `  (load ${others.toFixed(1)}: others are using this machine)` : "";
}

setNumThreads(1);
try {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).stdout?.trim() ?? "";
  say(`vision: images per second, ${seconds} s each, commit ${commit}${otherProcessLoad()}`);
  const cpuName = existsSync("/proc/cpuinfo")
    ? /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]
    : "";
  say(`cpu: ${cpuName ?? "unknown"}; node ${process.version}`);
  const inputs = { "real crops": crops(), "generated 640x480": await generated(40) };
  const pipelines = { ...trainPipelines, validation: validationPipeline };
  say("");
  say(
    "input              pipeline           torchvision  0 workers  1 worker  2 workers  per CPU second: torchvision  ours  ratio",
  );
  for (const [input, paths] of Object.entries(inputs)) {
    if (paths === undefined) {
      say(`${input}: not here, skipped`);
      continue;
    }
    for (const [name, make] of Object.entries(pipelines)) {
      const reference = theirs(name, paths);
      const rates: Rate[] = [];
      for (const workers of [0, 1, 2]) rates.push(await ours(paths, make(), workers));
      const best = Math.max(...rates.map(({ perCpuSecond }) => perCpuSecond));
      const number = (value: number | undefined, width: number) =>
        (value === undefined ? "-" : value.toFixed(0)).padStart(width);
      const ratio = reference === undefined ? "-" : `${(best / reference.perCpuSecond).toFixed(1)}x`;
      say(
        `${input.padEnd(18)} ${name.padEnd(18)} ${number(reference?.perSecond, 11)} ${rates.map((r, i) => number(r.perSecond, [10, 9, 10][i] as number)).join(" ")} ${number(reference?.perCpuSecond, 28)} ${number(best, 5)} ${ratio.padStart(6)}${otherProcessLoad()}`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
