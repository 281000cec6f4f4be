import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import sharp from "sharp";
import { afterEach, expect, test } from "vitest";
import { runKilled } from "../../test/killed.ts";
import { type SynthOptions, writeSynthetic } from "./dataset.ts";
import { drawJersey, randomStyle } from "./jersey.ts";
import { isReadable } from "./palette.ts";
import { redraw } from "./redraw.ts";
import { type FillRule, fillRareClasses, parseColourTarget } from "./targets.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function options(changes: Partial<SynthOptions> = {}): SynthOptions {
  const folder = mkdtempSync(join(tmpdir(), "synth-"));
  folders.push(folder);
  return { folder, seed: 7, stream: "test", size: 48, strength: 0.5, ...changes };
}

test("a style's number can be told from its jersey", () => {
  for (let i = 0; i < 200; i++) {
    const style = randomStyle(Rng.at(1, i));
    expect(isReadable(style.jersey, style.number)).toBe(true);
  }
  expect(randomStyle(Rng.at(1), { jersey: "white", number: "red" })).toMatchObject({ jersey: "white", number: "red" });
});

test("different numbers give different pictures, and the number's colour is in them", () => {
  const style = { font: "Jersey Anton", jersey: "black", number: "white", border: undefined } as const;
  const bright = (text: string) => {
    const { pixels } = drawJersey(text, style, 64, Rng.at(3));
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4) if ((pixels[i] ?? 0) > 140) count++;
    return count;
  };
  expect(bright("8")).toBeGreaterThan(150);
  expect(bright("88")).toBeGreaterThan(bright("1"));
});

test("a picture is cut around its number: two digits are wider than one", () => {
  const style = { font: "Jersey Graduate", jersey: "black", number: "white", border: undefined } as const;
  const mean = (text: string) => {
    const widths = Array.from({ length: 50 }, (_, i) => drawJersey(text, style, 64, Rng.at(5, i)).width);
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

test("annotations name every file with its label and what was drawn", async () => {
  const made = options();
  await writeSynthetic([{ label: "7", jersey: "white", number: "red" }], made);
  const [row] = readFileSync(join(made.folder, "annotations.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(row).toMatchObject({ suffix: "7", metadata: { jersey_color: "white", number_color: "red", synthetic: true } });
  expect(readdirSync(join(made.folder, "7"))).toEqual([row.image.split("/")[1]]);
});

test("rare classes are filled up to the count, and every class gets its least", () => {
  const counts = new Map([
    ["4", 30],
    ["18", 95],
    ["5", 400],
  ]);
  const drawn = (rule: FillRule) => {
    const requests = fillRareClasses(counts, rule);
    return [...counts.keys()].map((label) => requests.filter((request) => request.label === label).length);
  };
  expect(drawn({ below: 100, upTo: 100 })).toEqual([70, 5, 0]);
  expect(drawn({ below: 100, upTo: 100, atLeast: 20 })).toEqual([70, 20, 20]);
  expect(drawn({ below: 50, upTo: 20 })).toEqual([0, 0, 0]);
});

test("a colour target says which part is wrong", () => {
  expect(parseColourTarget("18:white/red=150")).toEqual({ label: "18", jersey: "white", number: "red", count: 150 });
  expect(() => parseColourTarget("18:white=3")).toThrowErrorMatchingInlineSnapshot(`
    [CtError: '18:white=3' is not a target
      fix: write LABEL:JERSEY/NUMBER=COUNT, for example 18:white/red=150]
  `);
  expect(() => parseColourTarget("18:white/pink=3")).toThrowErrorMatchingInlineSnapshot(`
    [CtError: 'pink' is not a colour
      where: 18:white/pink=3
      fix: use one of: white, black, navy, blue, sky, red, maroon, orange, gold, green, purple, grey]
  `);
});

test("a kill while pictures are drawn changes nothing, and the next run cleans up", async () => {
  const split = mkdtempSync(join(tmpdir(), "redraw-"));
  const place = { folder: join(split, "synthetic"), layout: "jsonl" } as const;
  const requests = ["7", "7", "23"].map((label) => ({ label }));
  const options = { seed: 1, stream: "synth", size: 24, strength: 0 };
  await redraw(place, requests, options);
  const files = () => readdirSync(split, { recursive: true }).map(String).sort();
  const before = files();
  await runKilled(`
    import { redraw } from ${JSON.stringify(new URL("./redraw.ts", import.meta.url).href)};
    const onProgress = () => process.kill(process.pid, "SIGKILL");
    await redraw(${JSON.stringify(place)}, [{ label: "9" }, { label: "9" }], { seed: 1, stream: "synth", size: 24, strength: 0, onProgress });`);
  expect(files().filter((name) => !/\.tmp/.test(name))).toEqual(before);
  await redraw(place, [{ label: "9" }], options);
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
