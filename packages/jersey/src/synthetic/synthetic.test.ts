import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import sharp from "sharp";
import { afterEach, expect, test, vi } from "vitest";
import { isReadable } from "./palette.ts";
import { randomStyle, renderJersey } from "./render-jersey.ts";
import { replaceSynthetic } from "./replace-synthetic.ts";
import { type FillRule, fillRareClasses, parseColorTarget } from "./requests.ts";
import { type SynthOptions, writeSynthetic } from "./write-synthetic.ts";

vi.setConfig({ testTimeout: 30_000 });

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function options(changes: Partial<SynthOptions> = {}): SynthOptions {
  const folder = mkdtempSync(join(tmpdir(), "synth-"));
  folders.push(folder);
  return { folder, seed: 7, stream: "test", size: 48, strength: 0.5, ...changes };
}

/** Runs a module in a process of its own that kills itself. */
async function expectKilled(source: string): Promise<void> {
  const args = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), "--input-type=module", "-e"];
  const child = spawn(process.execPath, [...args, source], { stdio: ["ignore", "inherit", "inherit"] });
  expect((await once(child, "exit"))[1]).toBe("SIGKILL");
}

test("a style's number is readable on its jersey", () => {
  for (let i = 0; i < 200; i++) {
    const style = randomStyle(Rng.at(1, i));
    expect(isReadable(style.jersey, style.number)).toBe(true);
  }
  expect(randomStyle(Rng.at(1), { jersey: "white", number: "red" })).toMatchObject({ jersey: "white", number: "red" });
});

test("different numbers give different images, and the color of the number is in them", () => {
  const style = { font: "Jersey Anton", jersey: "black", number: "white", border: undefined } as const;
  const bright = (text: string) => {
    const { pixels } = renderJersey(text, style, 64, Rng.at(3));
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4) if ((pixels[i] ?? 0) > 140) count++;
    return count;
  };
  expect(bright("8")).toBeGreaterThan(150);
  expect(bright("88")).toBeGreaterThan(bright("1"));
});

test("an image is cropped around its number: two digits are wider than one", () => {
  const style = { font: "Jersey Graduate", jersey: "black", number: "white", border: undefined } as const;
  const mean = (text: string) => {
    const widths = Array.from({ length: 50 }, (_, i) => renderJersey(text, style, 64, Rng.at(5, i)).width);
    return widths.reduce((sum, width) => sum + width, 0) / widths.length;
  };
  expect(mean("8")).toBeLessThan(64);
  expect(mean("88")).toBeGreaterThan(1.2 * mean("8"));
  expect(mean("88")).toBeLessThan(1.5 * mean("8"));
});

test("the same seed writes the same files, another seed others", async () => {
  const requests = [{ label: "7" }, { label: "23" }];
  const first = options();
  const second = options();
  const other = options({ seed: 8 });
  const rows = await writeSynthetic(requests, first);
  await writeSynthetic(requests, second);
  await writeSynthetic(requests, other);
  const bytes = (folder: string) => readFileSync(join(folder, rows[1]?.image ?? ""));
  expect(bytes(first.folder).equals(bytes(second.folder))).toBe(true);
  expect(bytes(first.folder).equals(bytes(other.folder))).toBe(false);
  const { height, format } = await sharp(bytes(first.folder)).metadata();
  expect({ height, format }).toEqual({ height: 48, format: "jpeg" });
});

test("annotations name every file with its label and style", async () => {
  const made = options();
  await writeSynthetic([{ label: "7", jersey: "white", number: "red" }], made);
  const [row] = readFileSync(join(made.folder, "annotations.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(row).toMatchObject({ suffix: "7", metadata: { jersey_color: "white", number_color: "red", synthetic: true } });
  expect(readdirSync(join(made.folder, "7"))).toEqual([row.image.split("/")[1]]);
});

test("rare classes are filled up to the count, and every class gets its minimum", () => {
  const counts = new Map([
    ["4", 30],
    ["18", 95],
    ["5", 400],
  ]);
  const requested = (rule: FillRule) => {
    const requests = fillRareClasses(counts, rule);
    return [...counts.keys()].map((label) => requests.filter((request) => request.label === label).length);
  };
  expect(requested({ below: 100, upTo: 100 })).toEqual([70, 5, 0]);
  expect(requested({ below: 100, upTo: 100, atLeast: 20 })).toEqual([70, 20, 20]);
  expect(requested({ below: 50, upTo: 20 })).toEqual([0, 0, 0]);
});

test("a color target names its invalid part", () => {
  expect(parseColorTarget("18:white/red=150")).toEqual({ label: "18", jersey: "white", number: "red", count: 150 });
  expect(() => parseColorTarget("18:white=3")).toThrowErrorMatchingInlineSnapshot(`
    [CtError: '18:white=3' is not a target: expected LABEL:JERSEY/NUMBER=COUNT
      fix: for example 18:white/red=150]
  `);
  expect(() => parseColorTarget("18:white/pink=3")).toThrowErrorMatchingInlineSnapshot(`
    [CtError: 'pink' is not a color
      where: 18:white/pink=3
      fix: use one of: white, black, navy, blue, sky, red, maroon, orange, gold, green, purple, grey]
  `);
});

test("a kill while images are rendered changes nothing, and the next run cleans up", async () => {
  const split = mkdtempSync(join(tmpdir(), "replace-"));
  const place = { folder: join(split, "synthetic"), layout: "jsonl" } as const;
  const requests = ["7", "7", "23"].map((label) => ({ label }));
  const options = { seed: 1, stream: "synth", size: 24, strength: 0 };
  await replaceSynthetic(place, requests, options);
  const files = () => readdirSync(split, { recursive: true }).map(String).sort();
  const before = files();
  await expectKilled(`
    import { replaceSynthetic } from ${JSON.stringify(new URL("./replace-synthetic.ts", import.meta.url).href)};
    const onProgress = () => process.kill(process.pid, "SIGKILL");
    await replaceSynthetic(${JSON.stringify(place)}, [{ label: "9" }, { label: "9" }], { seed: 1, stream: "synth", size: 24, strength: 0, onProgress });`);
  expect(files().filter((name) => !/\.tmp/.test(name))).toEqual(before);
  await replaceSynthetic(place, [{ label: "9" }], options);
  expect(files()).toEqual(
    [
      "synthetic",
      "synthetic/7",
      "synthetic/23",
      "synthetic/9",
      "synthetic/9/000000.jpg",
      "synthetic/annotations.jsonl",
    ].sort(),
  );
  rmSync(split, { recursive: true });
});
