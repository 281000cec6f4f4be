import { spawn } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { commands } from "../src/cli/commands.ts";
import type { CliResult } from "./cli.ts";
import {
  codeBlocks,
  commandLines,
  documents,
  furtherDocuments,
  inlineCommands,
  inlineOverrides,
  repository,
  withoutConflicts,
} from "./docs.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 300_000 });

const dir = mkdtempSync(join(tmpdir(), "classifier-docs-"));
const program = `$1"${process.execPath}" "${join(repository, "packages/classifier/bin/classifier.js")}" `;

/** What makes a training of the documentation take seconds. */
const small = [
  "model.pretrained=false",
  "++model.width=16",
  "data.image_size=32",
  "data.batch_size=8",
  "data.num_workers=0",
  "trainer.precision=32-true",
  "logging=none",
  "callbacks.early_stopping=null",
];

/** Trainings of each experiment so far: they continue each other, each for one epoch. */
const trainings = new Map<string, number>();

function training(command: string): string {
  const isOfExperiment = (word: string) => !/^'?\+?(trainer|callbacks)\./.test(word);
  const experiment = command.split(/\s+/).filter(isOfExperiment).join(" ");
  const epochs = command.includes(" -m ") ? 1 : (trainings.get(experiment) ?? 0) + 1;
  trainings.set(experiment, epochs);
  const added = [...small, `trainer.max_epochs=${epochs}`];
  const given = new Set([...command.matchAll(/(\S+?)=/g)].map(([, key]) => key));
  return [command, ...added.filter((override) => !given.has(override.split("=")[0]))].join(" ");
}

type Rule = readonly [pattern: RegExp, how: ((command: string) => string) | "parsed" | "script" | "installs"];

const asWritten = (command: string) => command;

/**
 * What is done with a command: run (as written, or changed), or only compared with the options that there are. Of what
 * installs, the packages must exist; `npm run test:install` runs it, against a registry.
 */
const rules: readonly Rule[] = [
  [/^npm (start|test)$/, "script"],
  [/^npm i /, "installs"],
  // Model files that the reader has.
  [/^npx classifier (model |train .*model=file|data .*--model \S+\.tflite)/, "parsed"],
  [/^npx classifier train --config-dir /, training],
  // Needs images of numbers, and most of an hour.
  [/^npx classifier train \+experiment=jersey_(scratch|ocr) /, "parsed"],
  // They need data with tracks, or five trainings: they have tests of their own.
  [/ --group-by |^npx classifier (train -m data\.data_root=photos seed=1|evaluate --seeds) /, "parsed"],
  // Five trainings: a smaller sweep has a test of its own.
  [/^npx classifier (train -m photos data\.folds=5|evaluate --folds) /, "parsed"],
  [/^npx classifier train /, training],
  // They train for minutes: they have a test of their own.
  [/^npx classifier data (suspects photos --csv|learning-curve photos --time) /, "parsed"],
  // Not the newest run for what follows.
  [/^npx classifier test /, (command) => `${command} hydra.run.dir=outputs/tested`],
  [/^npx classifier (predict|data|evaluate|export|bundle|checkpoint) /, asWritten],
  // Trains three times and kills one of them: it has a test of its own.
  [/^npx classifier verify /, "parsed"],
  // They need a browser, or an account.
  [/^npx classifier (dashboard|studio|wandb|synth|doctor|setup)\b/, "parsed"],
];

/** Blocks that are one piece: run in a shell of their own. */
const wholeBlocks: readonly RegExp[] = [/^npx classifier init /];

beforeAll(async () => {
  const tints = { cat: "#c08040", dog: "#4060a0" };
  let seed = 0;
  for (const [label, background] of Object.entries(tints))
    for (const [split, count] of [
      ["train", 12],
      ["valid", 5],
    ] as const) {
      const folder = join(dir, "photos", split, label);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        // Every image is another one, for the search of duplicates.
        const [hue, x, y] = [(seed * 37) % 360, (seed * 11) % 40, (seed++ * 17) % 40];
        const shape = `<svg width="48" height="48"><rect x="${x}" y="${y}" width="14" height="9" fill="hsl(${hue},80%,60%)"/></svg>`;
        await sharp({ create: { width: 48, height: 48, channels: 3, background } })
          .composite([{ input: Buffer.from(shape) }])
          .jpeg()
          .toFile(join(folder, `${i}.jpg`));
      }
    }
  copyFileSync(join(dir, "photos/valid/cat/0.jpg"), join(dir, "photo.jpg"));
  // A tree of someone who comes from Python; theirs is for these two classes, and for small images.
  const theirs = join(dir, "path/to/your/conf");
  cpSync(join(repository, "packages/classifier/test/lightning-conf"), theirs, { recursive: true });
  for (const path of (readdirSync(theirs, { recursive: true }) as string[]).filter((name) => name.endsWith(".yaml"))) {
    const text = readFileSync(join(theirs, path), "utf8");
    writeFileSync(
      join(theirs, path),
      text
        .replaceAll("num_classes: 42", "num_classes: 2")
        .replaceAll(/\b224\b/g, "32")
        .replaceAll(/\b256\b/g, "36"),
    );
  }
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(file: string, args: readonly string[]): Promise<CliResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, OMP_NUM_THREADS: "1" };
    const child = spawn(file, args, { cwd: dir, env });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** The newest folder `DATE/TIME` below a root. */
function newest(root: string): string {
  const last = (folder: string) =>
    readdirSync(join(dir, folder))
      .filter((name) => /^\d/.test(name))
      .sort()
      .at(-1) ?? "none";
  return existsSync(join(dir, root)) ? `${last(root)}/${last(join(root, last(root)))}` : "none/none";
}

/** With the documentation's placeholders replaced. */
function concrete(command: string): string {
  return command
    .replaceAll(/outputs\/multirun\/DATE\/TIME/g, () => `outputs/multirun/${newest("outputs/multirun")}`)
    .replaceAll(/outputs\/DATE\/TIME/g, () => `outputs/${newest("outputs")}`);
}

/** The arguments of a command as a shell passes them on. */
async function words(command: string): Promise<string[]> {
  const { stdout } = await run("bash", ["-euc", `npx() { printf '%s\\0' "$@"; }\n${command}`]);
  return stdout.split("\0").slice(1, -1);
}

/** In this process what is one command, and in a shell what starts processes of its own. */
async function runs(command: string): Promise<void> {
  const made = concrete(command);
  const { code, stdout, stderr } =
    /^npx classifier /.test(made) && !/ && |trainer\.devices=2/.test(made)
      ? await inProcess(await words(made), dir)
      : await run("bash", ["-euo", "pipefail", "-c", made.replaceAll(/(^|&& )npx classifier /g, program)]);
  expect(code, `${command}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`).toBe(0);
}

function cli(): Command {
  const all = new Command("classifier").enablePositionalOptions();
  for (const register of commands) register(all, () => {});
  return all;
}

/** Whether the command line has such a command with such options. */
function parses(command: string): void {
  const [, ...words] = command.replace(/^npx /, "").split(/\s+/);
  let at = cli();
  while (words[0] !== undefined) {
    const next = at.commands.find((candidate) => candidate.name() === words[0]);
    if (next === undefined) break;
    words.shift();
    at = next;
  }
  expect(at.parent, `${command}: no such command`).not.toBeNull();
  expect(at.commands.length, `${command}: a subcommand is missing`).toBe(0);
  // The arguments of `train` and its like are Hydra's.
  if ((at as unknown as { _allowUnknownOption: boolean })._allowUnknownOption) return;
  const known = at.options.flatMap(({ long, short }) => [long, short]);
  for (const word of words.filter((candidate) => candidate.startsWith("-")))
    expect(known, `${command}: ${word}`).toContain(word.split("=")[0]);
}

const shell = codeBlocks("sh").map(({ document, code }) => ({ document, lines: commandLines(code) }));

test("every command of the documentation has a rule", () => {
  for (const { document, lines } of shell) {
    if (wholeBlocks.some((pattern) => pattern.test(lines[0] ?? ""))) continue;
    for (const line of lines)
      expect(
        rules.some(([pattern]) => pattern.test(line)),
        `${document}: ${line}`,
      ).toBe(true);
  }
  expect(shell.length).toBeGreaterThan(5);
});

test("every npm script that a page or a README names exists", () => {
  const manifest = (folder: string) =>
    JSON.parse(readFileSync(join(repository, folder, "package.json"), "utf8")) as { scripts?: Record<string, string> };
  let named = 0;
  for (const { name, text } of [...documents(), ...furtherDocuments()])
    for (const [whole, script = "", folder = "."] of text.matchAll(
      /\bnpm (?:run )?((?<=run )[a-z][\w:]*|test|start)\b(?: -w (packages\/\w+))?/g,
    )) {
      expect(manifest(folder).scripts, `${name}: ${whole}`).toHaveProperty([script]);
      named++;
    }
  expect(named).toBeGreaterThan(15);
});

test("every command named in the text exists, with its options", () => {
  const named = documents().flatMap(({ text }) => inlineCommands(text));
  expect(named.length).toBeGreaterThan(10);
  for (const command of named) for (const one of command.split(/,? (?:or|and) (?=classifier )/)) parses(one);
});

test("every override named in the text composes", async () => {
  const isOfPhotos = ({ name }: { readonly name: string }) => name.endsWith("recipe-for-photos.md");
  const roots = [
    ["", documents().filter((one) => !isOfPhotos(one))],
    ["--config-name train_photos data.data_root=photos", documents().filter(isOfPhotos)],
  ] as const;
  for (const [root, texts] of roots) {
    const named = texts.flatMap(({ text }) => inlineOverrides(text));
    // A model of a project that `classifier init` made, options of a model file; and a time, which is a word of `train PATH`.
    const isOfOther = (override: string) =>
      /^(model=tiny_net|time=|model\.(path|head|preprocessing|unfold_batch_norm)=)/.test(override);
    const ours = named.filter((override) => !isOfOther(override));
    expect(ours.length).toBeGreaterThan(5);
    for (const overrides of withoutConflicts(ours))
      await runs(`npx classifier train --cfg job ${root} ${overrides.join(" ")}`);
  }
});

for (const { document, lines } of shell) {
  test(`${document}: ${lines[0]}${lines.length > 1 ? " ..." : ""}`, async () => {
    if (wholeBlocks.some((pattern) => pattern.test(lines[0] ?? ""))) {
      await runs(lines.join(" && ").replace("npm run train", "npm run train -- trainer.max_epochs=1"));
      return;
    }
    for (const line of lines) {
      const how = rules.find(([pattern]) => pattern.test(line))?.[1];
      if (how === "script") {
        const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
        expect(scripts).toHaveProperty(line.replace(/^npm /, ""));
      } else if (how === "installs") {
        for (const name of line
          .split(" ")
          .slice(2)
          .filter((word) => !word.startsWith("-")))
          expect(existsSync(join(repository, "node_modules", name)), `${document}: ${line}: ${name}`).toBe(true);
      } else if (how === "parsed") parses(line);
      else if (typeof how === "function") await runs(how(line));
    }
  });
}

test("every TypeScript example type-checks, and runs on the bundle that was exported", async () => {
  const examples = codeBlocks("ts").filter(({ code }) => code.includes('from "classifier-training'));
  expect(examples.length).toBeGreaterThan(1);
  const folder = mkdtempSync(fileURLToPath(new URL(".docs-", import.meta.url)));
  try {
    const files = examples.map(({ code }, i) => {
      const path = join(folder, `example-${i}.ts`);
      writeFileSync(path, code);
      return path;
    });
    const config = {
      extends: join(repository, "tsconfig.check.json"),
      compilerOptions: { noUnusedLocals: false },
      include: ["*.ts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const checked = await run(process.execPath, [
      fileURLToPath(new URL("bin/tsc", import.meta.resolve("typescript/package.json"))),
      "-p",
      folder,
    ]);
    expect(checked.stdout + checked.stderr).toBe("");
    copyFileSync(join(dir, "photo.jpg"), join(dir, "a.jpg"));
    await sharp(join(dir, "photo.jpg")).png().toFile(join(dir, "b.png"));
    for (const [i, file] of files.entries()) {
      const { code, stderr } = await run(process.execPath, [
        "--conditions=classifier-source",
        "--import",
        import.meta.resolve("tsx"),
        file,
      ]);
      expect(code, `${examples[i]?.document}\n${examples[i]?.code}\n${stderr}`).toBe(0);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
