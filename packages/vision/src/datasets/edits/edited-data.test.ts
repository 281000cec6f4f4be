import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { splitFolderNames } from "@classifier-training/base";
import { byteImage, encodePng } from "@classifier-training/image";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type OpenedData, openData } from "../open/open-data.ts";
import type { OpenOptions } from "../open/options.ts";
import type { Edit } from "./edit.ts";
import { EditLog } from "./edit-log.ts";

vi.setConfig({ testTimeout: 30_000 });

const base = mkdtempSync(join(tmpdir(), "edits a b ü "));
/** Images that differ by their widths, 8 to 14 pixels. */
const pngs = new Map<string, Uint8Array>();
const letters = [..."abcdefg"];
const labelOf = (letter: string) => (letter < "d" ? "cat" : "dog");

beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", join(base, "cache"));
  for (const [i, letter] of letters.entries()) {
    const pixels = Uint8Array.from({ length: (8 + i) * 8 * 3 }, (_, k) => (40 * i + k * k) % 256);
    pngs.set(letter, await encodePng(byteImage(pixels, 8 + i, 8)));
  }
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(base, { recursive: true, force: true });
});

let folders = 0;
function newFolder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = join(base, String(folders++));
  mkdirSync(root);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

type NameOf = (letter: string) => string;
const inClass: NameOf = (letter) => `${labelOf(letter)}/${letter}.png`;
const flat: NameOf = (letter) => `${letter}.png`;
const images = (nameOf: NameOf, chosen: Iterable<string> = "abcdef") =>
  Object.fromEntries([...chosen].map((letter) => [nameOf(letter), pngs.get(letter) as Uint8Array]));
const csv = (nameOf: NameOf) =>
  `image,label\n${[..."abcdef"].map((letter) => `${nameOf(letter)},${labelOf(letter)}\n`).join("")}`;
const json = (nameOf: NameOf) =>
  [..."abcdef"].map((letter) => `${JSON.stringify({ image: nameOf(letter), label: labelOf(letter) })}\n`).join("");

/** The class of each image by its letter (by its width), `?` for those that were left out. */
async function labelsIn(data: OpenedData, split: "train" | "val" | "test"): Promise<string> {
  const train = split === "train" ? undefined : await data.open("train");
  const dataset = await data.open(splitFolderNames[split][0], train);
  const found: string[] = [];
  for (let i = 0; i < dataset.length; i++) {
    const { image, label } = await dataset.get(i);
    const names = Array.from(dataset.labelsOf(i), (k) => dataset.classes[k]);
    expect(dataset.task === "multilabel" || names[0] === dataset.classes[label]).toBe(true);
    found.push(`${letters[image.width - 8]}:${names.join("+")}`);
  }
  return found.sort().join(" ");
}

async function opened(root: string, options: OpenOptions = {}) {
  const data = await openData(root, options);
  const train = await data.open("train");
  const of = (split: "val" | "test") => (data.splits.includes(split) ? labelsIn(data, split) : undefined);
  const [val, test] = [await of("val"), await of("test")];
  return {
    train: await labelsIn(data, "train"),
    ...(val !== undefined && { val }),
    ...(test !== undefined && { test }),
    classes: train.classes.join(),
    notices: train.notices().join("\n"),
  };
}

function edit(root: string, ...edits: Edit[]): EditLog {
  const log = EditLog.open(root);
  for (const one of edits) log.append(one);
  return log;
}

const label = (name: string | null, ...of: string[]): Edit => ({ op: "label", images: of, label: name });

describe("every layout", () => {
  const zip = (nameOf: NameOf) => {
    const root = newFolder(images(inClass));
    execFileSync("python3", ["-m", "zipfile", "-c", "x.zip", "cat", "dog"], { cwd: root });
    for (const name of ["cat", "dog"]) rmSync(join(root, name), { recursive: true });
    return { root, nameOf };
  };
  const layouts: Readonly<Record<string, () => { root: string; data?: string; nameOf: NameOf }>> = {
    "class folders": () => ({ root: newFolder(images(inClass)), nameOf: inClass }),
    "class folders in a folder": () => {
      const nameOf: NameOf = (letter) => `photos/${inClass(letter)}`;
      return { root: newFolder(images(nameOf)), nameOf };
    },
    "a train folder": () => {
      const nameOf: NameOf = (letter) => `train/${inClass(letter)}`;
      return { root: newFolder(images(nameOf)), nameOf };
    },
    "a folder with a list": () => ({ root: newFolder({ ...images(flat), "x.csv": csv(flat) }), nameOf: flat }),
    "a list": () => {
      const root = newFolder({ ...images(flat), "x.csv": csv(flat), "other.csv": csv(flat) });
      return { root, data: join(root, "x.csv"), nameOf: flat };
    },
    annotations: () => ({ root: newFolder({ ...images(inClass), "a.jsonl": json(inClass) }), nameOf: inClass }),
    "labels beside images": () => {
      const labels = Object.fromEntries([..."abcdef"].map((letter) => [`${letter}.cls`, labelOf(letter)]));
      return { root: newFolder({ ...images(flat), ...labels }), nameOf: flat };
    },
    "a folder with an archive": () => zip((letter) => `x.zip!${inClass(letter)}`),
    "an archive": () => {
      const { root, nameOf } = zip((letter) => `x.zip!${inClass(letter)}`);
      return { root, data: join(root, "x.zip"), nameOf };
    },
    shards: () => {
      const files = [..."abcdef"].flatMap((letter) => [flat(letter), `${letter}.cls`]);
      const labels = Object.fromEntries([..."abcdef"].map((letter) => [`${letter}.cls`, labelOf(letter)]));
      const root = newFolder({ ...images(flat), ...labels });
      execFileSync("tar", ["-cf", "x-0.tar", ...files.slice(0, 6)], { cwd: root });
      execFileSync("tar", ["-cf", "x-1.tar", ...files.slice(6)], { cwd: root });
      return {
        root,
        data: join(root, "x-{0..1}.tar"),
        nameOf: (letter) => `x-${letter < "d" ? 0 : 1}.tar!${flat(letter)}`,
      };
    },
  };

  it.each(Object.keys(layouts))("is read with edits: %s", async (layout) => {
    const { root, data = root, nameOf } = (layouts[layout] as (typeof layouts)[string])();
    const before = await opened(data);
    expect(before).toMatchObject({ train: "a:cat b:cat c:cat d:dog e:dog f:dog", classes: "cat,dog" });
    const log = EditLog.open(data);
    const edits: Edit[] = [
      label("dog", nameOf("a")),
      label("cat", nameOf("d")),
      { op: "confirm", images: [nameOf("e")] },
      { op: "exclude", images: [nameOf("b")], reason: "unreadable" },
      { op: "split", images: [nameOf("c")], split: "val" },
      { op: "split", images: [nameOf("f")], split: "test" },
      { op: "rename_class", from: "dog", to: "Hund" },
      {
        op: "add",
        images: [{ path: log.store(pngs.get("g") as Uint8Array, ".png"), source: "webcam" }],
        label: "fox",
      },
    ];
    for (const one of edits) log.append(one);
    const after = await opened(data);
    expect(after).toMatchObject({
      train: "a:Hund d:cat e:Hund g:fox",
      val: "c:cat",
      test: "f:Hund",
      classes: "Hund,cat,fox",
    });
    expect(after.notices.split("\n")).toContain(
      "edits: 2 labels changed, 1 image left out, 1 added, 2 assigned to a split, 1 class renamed",
    );
    expect(after.notices).not.toContain("excluded");
    expect((await (await openData(data)).open("train")).skipped).toEqual({ excluded: 1 });
    for (const _ of edits) log.undo();
    expect(await opened(data)).toEqual(before);
  });
});

describe("images", () => {
  it("of an empty folder are those that edits add", async () => {
    const root = newFolder({});
    await expect(opened(root)).rejects.toThrow(/holds no samples/);
    const log = edit(root, { op: "add_class", name: "empty" });
    await expect(opened(root)).rejects.toThrow(/holds no samples/);
    for (const letter of "abcd") {
      const path = log.store(pngs.get(letter) as Uint8Array, ".png");
      log.append({ op: "add", images: [{ path, source: `${letter}.png` }], label: labelOf(letter) });
    }
    expect(await opened(root)).toMatchObject({ train: "a:cat b:cat c:cat d:dog", classes: "cat,dog,empty" });
  });

  it("of a flat folder are those that edits label", async () => {
    const root = newFolder(images(flat, "abcde"));
    await expect(opened(root)).rejects.toThrow(
      /holds no samples.*or label them on a page: classifier studio ".*edits a b ü/s,
    );
    edit(root, label("cat", "a.png", "b.png"), label("dog", "d.png"), {
      op: "exclude",
      images: ["c.png"],
      reason: "other",
    });
    const { notices, ...after } = await opened(root);
    expect(after).toEqual({ train: "a:cat b:cat d:dog", classes: "cat,dog" });
    expect(notices).toContain("edits: 3 images labeled, 1 image left out");
  });

  it("of a split folder without labels are of that split", async () => {
    const nameOf: NameOf = (letter) => (letter < "f" ? `train/${inClass(letter)}` : `test/${letter}.png`);
    const root = newFolder(images(nameOf));
    expect(await opened(root)).not.toHaveProperty("test");
    edit(root, label("dog", "test/f.png"));
    expect(await opened(root)).toMatchObject({ train: "a:cat b:cat c:cat d:dog e:dog", test: "f:dog" });
  });

  it("in no class folder, named by no row, or of no label get one, with what their row says beside it", async () => {
    const root = newFolder({ ...images(inClass), "g.png": pngs.get("g") as Uint8Array });
    edit(root, label("dog", "g.png"));
    const { notices, ...after } = await opened(root);
    expect(after.train).toContain("g:dog");
    expect(notices).not.toContain("in no class folder");
    const rows = csv(flat)
      .replace("a.png,cat", "a.png,")
      .replaceAll("\n", ",\n")
      .replace("label,", "label,player")
      .replace("a.png,,", "a.png,,7");
    const list = newFolder({ ...images(flat, letters), "x.csv": rows });
    edit(list, label("dog", "g.png", "a.png"));
    expect((await opened(list)).train).toBe("a:dog b:cat c:cat d:dog e:dog f:dog g:dog");
    const train = await (await openData(list)).open("train");
    expect(train.metadata[train.paths.indexOf(join(list, "a.png"))]).toEqual({ player: "7" });
  });

  it("move between splits that are there, and a split without images is not there", async () => {
    const nameOf: NameOf = (letter) => `${"cf".includes(letter) ? "val" : "train"}/${inClass(letter)}`;
    const root = newFolder(images(nameOf));
    const log = edit(
      root,
      { op: "split", images: [nameOf("c")], split: "train" },
      { op: "split", images: [nameOf("a")], split: "val" },
    );
    expect(await opened(root)).toMatchObject({ train: "b:cat c:cat d:dog e:dog", val: "a:cat f:dog" });
    log.append({ op: "split", images: ["a", "f"].map(nameOf), split: "train" });
    const { val, ...after } = await opened(root);
    expect([val, after.train]).toEqual([undefined, "a:cat b:cat c:cat d:dog e:dog f:dog"]);
  });
});

describe("classes", () => {
  it.each<[what: string, edits: Edit[], train: string, classes: string]>([
    [
      "are merged",
      [{ op: "rename_class", from: "cat", to: "dog" }, label("fox", "cat/a.png")],
      "a:fox b:dog c:dog d:dog e:dog f:dog",
      "dog,fox",
    ],
    [
      "are removed",
      [label("fox", "dog/d.png"), { op: "remove_class", name: "dog" }],
      "a:cat b:cat c:cat d:fox",
      "cat,fox",
    ],
    [
      "are added without images",
      [{ op: "add_class", name: "Zebra" }],
      "a:cat b:cat c:cat d:dog e:dog f:dog",
      "Zebra,cat,dog",
    ],
    [
      "may have any name",
      [
        { op: "rename_class", from: "cat", to: "__proto__" },
        { op: "rename_class", from: "dog", to: "../x" },
      ],
      "a:__proto__ b:__proto__ c:__proto__ d:../x e:../x f:../x",
      "../x,__proto__",
    ],
    [
      "without images by now are gone",
      [label("dog", "cat/a.png", "cat/b.png", "cat/c.png"), label("fox", "dog/d.png")],
      "a:dog b:dog c:dog d:fox e:dog f:dog",
      "dog,fox",
    ],
  ])("%s", async (_, edits, train, classes) => {
    const root = newFolder(images(inClass));
    edit(root, ...edits);
    expect(await opened(root)).toMatchObject({ train, classes });
  });

  it("of empty folders are left out, until an image is of them", async () => {
    const root = newFolder(images(inClass));
    mkdirSync(join(root, "fox"));
    mkdirSync(join(root, "gnu"));
    await expect(opened(root)).rejects.toThrow(/no images were found for the classes fox, gnu/);
    edit(root, label("fox", inClass("a"), inClass("b"), inClass("c")));
    const { classes, notices } = await opened(root);
    expect(classes).toBe("dog,fox");
    const empty = notices.split("\n").filter((line) => line.startsWith("left out"));
    expect(empty).toEqual(["gnu", "cat"].map((name) => `left out, because there are no images in it: ${name}`));
    expect((await opened(root, { allowEmpty: true })).classes).toBe("cat,dog,fox,gnu");
  });

  it("are one in both normalizations of Unicode", async () => {
    const root = newFolder({
      ...images((letter) => `${"u\u0308"}/${letter}.png`, "ab"),
      ...images((letter) => `x/${letter}.png`, "de"),
    });
    edit(root, label("\u00fc", "x/d.png"));
    expect((await opened(root)).classes).toBe("u\u0308,x");
  });

  it("of several labels are renamed and removed, and one label is refused", async () => {
    const list = `image,label\n${["a,cat|dog", "b,cat", "c,dog", "d,dog|fox", "e,fox"].map((row) => row.replace(",", ".png,")).join("\n")}\n`;
    const root = newFolder({ ...images(flat, "abcde"), "x.csv": list });
    const log = edit(
      root,
      { op: "rename_class", from: "dog", to: "cat" },
      { op: "remove_class", name: "fox" },
      { op: "add_class", name: "gnu" },
      label("gnu", "b.png"),
    );
    expect(await opened(root)).toMatchObject({ train: "a:cat b:gnu c:cat d:cat e:", classes: "cat,gnu" });
    log.append(label("cat", "d.png"));
    await expect(opened(root)).rejects.toThrow(/gives d\.png one label, and it has 2.*edits\.jsonl:5/s);
  });
});

describe("what is not as it seems", () => {
  it("is named: images that are not there", async () => {
    const root = newFolder(images(inClass));
    edit(root, label("dog", "cat/z.png", "../../etc/x.png", "/etc/x.png", ".git/x.png", "x.csv.png", "cat/a.png"));
    const { notices, train } = await opened(root);
    expect(train).toBe("a:dog b:cat c:cat d:dog e:dog f:dog");
    expect(notices).toContain("edits of 5 images that are not in the data: such as cat/z.png");
  });

  it("is said: edits of the folder of a list", async () => {
    const root = newFolder({ ...images(flat), "x.csv": csv(flat) });
    edit(root, label("dog", "a.png"));
    const { train, notices } = await opened(join(root, "x.csv"));
    expect(train).toContain("a:cat");
    expect(notices).toMatch(/^not applied, because they are of its folder: the edits in .*edits\.jsonl$/m);
  });

  it("is refused: an imported image that is a link", async () => {
    const root = newFolder(images(inClass));
    const log = edit(root, label("dog", "cat/a.png"));
    const path = ".classifier/images/x.png";
    mkdirSync(join(root, dirname(path)));
    symlinkSync(join(root, "cat/a.png"), join(root, path));
    log.append({ op: "add", images: [{ path, source: "x" }], label: "cat" });
    await expect(opened(root)).rejects.toThrow(/received a symbolic link/);
  });

  it("is an error: edits that leave nothing to train on", async () => {
    const root = newFolder(images(inClass));
    const log = edit(root, { op: "exclude", images: [..."abcdef"].map(inClass), reason: "other" });
    await expect(opened(root)).rejects.toThrow(/edits leave no labeled image of train.*data edits PATH --undo/s);
    log.undo();
    log.append({ op: "rename_class", from: "cat", to: "dog" });
    await expect(opened(root)).rejects.toThrow(/all of one class, dog/);
  });
});
