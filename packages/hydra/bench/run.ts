// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { compose, initializeConfigDir, parseOverride } from "../src/index.ts";

// Two promises of the package: 10,000 overrides parsed per second, and a conf of 40 files composed with ten overrides
// in under 30 ms once the process runs.

const overrideTexts = [
  "model=resnet50",
  "data.batch_size=32",
  "+trainer.limit_train_batches=30",
  "~callbacks.early_stopping",
  "optimizer.betas=[0.9,0.999]",
  "++model.head={kind: mlp, sizes: [128, 64], dropout: 0.1}",
  "name='a quoted, string'",
  "hydra.run.dir=outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}",
  "lr=sort(choice(1e-3,1e-2,1e-4))",
  "db@backup.main=postgresql",
];

function overridesPerSecond(): number {
  const count = 20_000;
  const start = performance.now();
  for (let i = 0; i < count; i++) parseOverride(overrideTexts[i % overrideTexts.length] as string);
  return (count / (performance.now() - start)) * 1000;
}

/** A tree of 40 configs: 13 groups of three options, all of which the root asks for. */
function writeTree(folder: string): void {
  const groups = Array.from({ length: 13 }, (_, index) => `group${index}`);
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write("config.yaml", `defaults:\n${groups.map((group) => `  - ${group}: a\n`).join("")}  - _self_\nseed: 42\n`);
  for (const group of groups) {
    for (const option of ["a", "b"]) {
      const values = Array.from({ length: 12 }, (_, index) => `key${index}: ${index}.5\n`).join("");
      write(
        `${group}/${option}.yaml`,
        `defaults:\n  - base\n  - _self_\n_target_: some.module.${group}\n${values}name: \${seed}-${option}\nlist: [1, 2, 3]\n`,
      );
    }
    write(`${group}/base.yaml`, "nested:\n  deep:\n    value: 1\n    other: text\n  flag: true\n");
  }
}

function composeMilliseconds(folder: string): { first: number; median: number; cpu: number } {
  const overrides = [
    ...["group0=b", "group1=b", "group2=b", "seed=7", "group3.key1=9"],
    ...["+extra=1", "group4.nested.deep.value=2", "++group5.new=x", "~group6.list", "group7.list=[4,5]"],
  ];
  using _ = initializeConfigDir(folder);
  const before = process.cpuUsage();
  const times = Array.from({ length: 31 }, () => {
    const start = performance.now();
    compose({ configName: "config", overrides });
    return performance.now() - start;
  });
  const { user, system } = process.cpuUsage(before);
  const sorted = [...times].sort((a, b) => a - b);
  return { first: times[0] as number, median: sorted[15] as number, cpu: (user + system) / 1000 / times.length };
}

const folder = mkdtempSync(join(tmpdir(), "hydra-bench-"));
try {
  writeTree(folder);
  const composing = composeMilliseconds(folder);
  overridesPerSecond();
  const rate = overridesPerSecond();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say(`overrides parsed: ${Math.round(rate)} per second (promised: 10,000)`);
  say(
    `compose, 40 files, ten overrides: first ${composing.first.toFixed(1)} ms, then ${composing.median.toFixed(1)} ms (promised: 30); ${composing.cpu.toFixed(1)} ms of processor time each`,
  );
  if ((loadavg()[0] ?? 0) > 1.5)
    say(`other programs were busy (load ${loadavg()[0]?.toFixed(1)}): the figures are worse than they need be`);
} finally {
  rmSync(folder, { recursive: true });
}
