import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Rng } from "@classifier-training/base";
import { runPaths } from "@classifier-training/runs";
import sharp from "sharp";
import { parseTime } from "../src/training/time-budget.ts";

const program = fileURLToPath(new URL("../bin/classifier.js", import.meta.url));
const classes = 10;
const perClass = 200;
const side = 100;

/** Which part of the time other programs compute, on every core. */
const loads: readonly (readonly [name: string, from: number, to: number])[] = [
  ["alone", 0, 0],
  ["busy all the time", 0, 1.5],
  ["busy from a third on", 1 / 3, 1.5],
  ["busy in the first quarter", 0, 1 / 4],
];

/** Trains in a process of its own beside each load, and prints a line for each. */
export async function clock(root: string, time: string): Promise<void> {
  await writePhotos(join(root, "photos"));
  const asked = parseTime(time);
  process.stdout.write(
    `train PATH time=${time}, ${classes * perClass} photos of ${side} px, ${availableParallelism()} cores\n`,
  );
  for (const [name, from, to] of loads) {
    const cwd = join(root, name.replaceAll(" ", "-"));
    mkdirSync(cwd);
    const begin = performance.now();
    const endLoad = load(1000 * asked * from, 1000 * asked * to);
    const text = await output(spawn(process.execPath, [program, "train", "../photos", `time=${time}`], { cwd }));
    const took = (performance.now() - begin) / 1000;
    endLoad();
    const off = (100 * (took - asked)) / asked;
    const planned = /max_epochs=(\d+)/.exec(text)?.[1];
    process.stdout.write(
      `${name.padEnd(26)} ${took.toFixed(0)} s (${off < 0 ? "" : "+"}${off.toFixed(0)}%), ` +
        `${planned} epochs planned, ${trained(cwd, text)}; ${/val accuracy +(\S+)/.exec(text)?.[1]} on validation\n`,
    );
  }
}

/** How many epochs, and whether the learning rate came to its end with them. */
function trained(cwd: string, text: string): string {
  const run = readdirSync(join(cwd, "outputs"), { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(runPaths.metrics),
  );
  const rows = readFileSync(join(cwd, "outputs", run ?? ""), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  const epochs = 1 + Math.max(...rows.map((row) => Number(row.split(",")[0])));
  return `${epochs} trained${text.includes("Time limit reached") ? ", cut in mid-schedule" : ""}`;
}

/** Keeps every core busy from some milliseconds on. */
function load(from: number, to: number): () => void {
  const busy: ChildProcess[] = [];
  const begin = () => {
    for (let core = 0; core < availableParallelism(); core++)
      busy.push(spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" }));
  };
  const end = () => {
    clearTimeout(begins);
    clearTimeout(ends);
    for (const child of busy) child.kill("SIGKILL");
  };
  const begins = setTimeout(() => to > from && begin(), from);
  const ends = setTimeout(end, to);
  return end;
}

async function output(child: ChildProcess): Promise<string> {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      text += chunk;
    });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(text);
  return text;
}

/** A class is the direction and width of its stripes, under noise. */
async function writePhotos(folder: string): Promise<void> {
  for (let label = 0; label < classes; label++) {
    mkdirSync(join(folder, `class ${label}`), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const rng = Rng.at(label, i);
      const angle = (Math.PI * (label % 5)) / 5 + rng.uniform(-0.2, 0.2);
      const width = (label < 5 ? 9 : 14) * rng.uniform(0.8, 1.2);
      const phase = rng.uniform(0, 2 * Math.PI);
      const pixels = Uint8Array.from({ length: side * side * 3 }, (_, at) => {
        const [x, y] = [Math.floor(at / 3) % side, Math.floor(at / 3 / side)];
        const wave = Math.sin((2 * Math.PI * (x * Math.cos(angle) + y * Math.sin(angle))) / width + phase);
        return 128 + 50 * wave + rng.uniform(-70, 70);
      });
      const image = sharp(pixels, { raw: { width: side, height: side, channels: 3 } });
      await image.jpeg().toFile(join(folder, `class ${label}`, `${i}.jpg`));
    }
  }
}
