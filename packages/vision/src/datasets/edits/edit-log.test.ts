import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratchFolder } from "@classifier-training/base";
import { describe, expect, it } from "vitest";
import type { Edit } from "./edit.ts";
import { EditLog } from "./edit-log.ts";

const newRoot = () => {
  const root = join(scratchFolder("edits"), "a b ü");
  mkdirSync(root);
  return root;
};

/** What the log of a folder says, as plain values. */
const read = (root: string) => {
  const { labels, excluded, splits, confirmed, added, addedClasses, renamedClasses } = EditLog.open(root).state;
  return {
    labels: [...labels],
    excluded: [...excluded],
    splits: [...splits],
    confirmed: [...confirmed],
    added: [...added.keys()],
    addedClasses,
    renamed: [...renamedClasses],
  };
};

const label = (name: string | null, ...images: string[]): Edit => ({ op: "label", images, label: name });
const rename = (from: string, to: string): Edit => ({ op: "rename_class", from, to });

describe("EditLog", () => {
  it.each<[what: string, edits: (Edit | "undo" | "redo")[], says: Partial<ReturnType<typeof read>>]>([
    [
      "labels, the last of an image",
      [label("cat", "a", "b"), label("dog", "b"), label(null, "c")],
      {
        labels: [
          ["a", "cat"],
          ["b", "dog"],
          ["c", null],
        ],
      },
    ],
    [
      "renamed classes, of labels that were given, too",
      [label("cat", "a"), rename("cat", "Katze"), label("cat", "b")],
      {
        labels: [
          ["a", "Katze"],
          ["b", "cat"],
        ],
        renamed: [["cat", "Katze"]],
      },
    ],
    [
      "merged classes",
      [label("cat", "a"), rename("cat", "dog"), rename("dog", "pet")],
      {
        labels: [["a", "pet"]],
        renamed: [
          ["cat", "pet"],
          ["dog", "pet"],
        ],
      },
    ],
    [
      "classes that exchange their names",
      [rename("a", "x"), rename("b", "a"), rename("x", "b")],
      {
        renamed: [
          ["a", "b"],
          ["x", "b"],
          ["b", "a"],
        ],
      },
    ],
    [
      "removed classes, and one of the same name after",
      [label("cat", "a"), { op: "remove_class", name: "cat" }, label("cat", "b")],
      {
        labels: [
          ["a", null],
          ["b", "cat"],
        ],
        renamed: [["cat", null]],
      },
    ],
    [
      "classes without images",
      [
        { op: "add_class", name: "x" },
        rename("x", "y"),
        { op: "add_class", name: "z" },
        { op: "remove_class", name: "z" },
      ],
      { addedClasses: ["y"] },
    ],
    [
      "what a label no longer confirms",
      [{ op: "confirm", images: ["a", "b"] }, label("cat", "a")],
      { confirmed: ["b"] },
    ],
    [
      "exclusions and splits, taken back by their opposites",
      [
        { op: "exclude", images: ["a", "b"], reason: "duplicate" },
        { op: "include", images: ["a"] },
        { op: "split", images: ["a", "b"], split: "val" },
        { op: "split", images: ["b"], split: null },
      ],
      { excluded: [["b", "duplicate"]], splits: [["a", "val"]] },
    ],
    ["undo", [label("cat", "a"), rename("cat", "dog"), "undo"], { labels: [["a", "cat"]], renamed: [] }],
    [
      "undo, undo, redo",
      [label("cat", "a"), label("dog", "a"), label("fox", "a"), "undo", "undo", "redo"],
      { labels: [["a", "dog"]] },
    ],
    ["no redo after another edit", [label("cat", "a"), "undo", label("dog", "b"), "redo"], { labels: [["b", "dog"]] }],
    ["nothing to take back", ["undo", "redo", label("cat", "a"), "undo", "undo"], { labels: [] }],
    [
      "names of JavaScript's own",
      [label("__proto__", "__proto__"), label("constructor", "toString")],
      {
        labels: [
          ["__proto__", "__proto__"],
          ["toString", "constructor"],
        ],
      },
    ],
  ])("says %s", (_, edits, says) => {
    const root = newRoot();
    const log = EditLog.open(root);
    for (const edit of edits) {
      if (edit === "undo") log.undo();
      else if (edit === "redo") log.redo();
      else log.append(edit);
    }
    expect(read(root)).toMatchObject(says);
    // What was folded edit by edit is what a new reader folds.
    expect([...log.state.labels]).toEqual([...EditLog.open(root).state.labels]);
  });
});

describe("the file of the log", () => {
  /** A process that appends labels `0`, `1`, ... to images of its own until it is killed, or has written `count`. */
  const writer = (root: string, name: string, count: number) => {
    const module = new URL("./edit-log.ts", import.meta.url);
    const code = `
      const { EditLog } = await import(${JSON.stringify(module.href)});
      const [root, name, count] = process.argv.slice(1);
      const log = EditLog.open(root);
      const images = Array.from({ length: 2000 }, (_, i) => name + i);
      for (let i = 0; i < Number(count); i++) {
        log.append({ op: "label", images, label: String(i) });
        process.stdout.write(i + "\\n");
      }`;
    const flags = ["--conditions=classifier-source", "--import", "tsx", "--input-type=module", "-e", code];
    return spawn(process.execPath, [...flags, root, name, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  };

  it("has the edits of two processes that write at once, each whole", async () => {
    const root = newRoot();
    const log = EditLog.open(root);
    const writers = ["x", "y"].map((name) => writer(root, name, 30));
    expect(await Promise.all(writers.map(async (one) => (await once(one, "close"))[0]))).toEqual([0, 0]);
    expect(log.edits).toHaveLength(60);
    // One that saw the other in the middle of a line has closed it by a line without an edit.
    const lines = log.edits.map(({ line }) => line);
    expect(lines).toEqual([...new Set(lines)].sort((a, b) => a - b));
    for (const name of ["x", "y"])
      expect(
        log.edits.flatMap((edit) => (edit.op === "label" && edit.images[0] === `${name}0` ? [edit.label] : [])),
      ).toEqual(Array.from({ length: 30 }, (_, i) => String(i)));
    expect(["x7", "y1999"].map((image) => log.state.labels.get(image))).toEqual(["29", "29"]);
  });

  it("has everything that a killed process has reported as written", async () => {
    const root = newRoot();
    const killed = writer(root, "x", 1e6);
    let reported = "";
    for await (const text of killed.stdout) {
      reported += text;
      if (reported.split("\n").length > 20) killed.kill("SIGKILL");
    }
    const last = reported.trimEnd().split("\n").length - 1;
    const log = EditLog.open(root);
    expect(log.edits.length).toBeGreaterThan(last);
    log.append(label("after", "x0"));
    expect(EditLog.open(root).state.labels.get("x0")).toBe("after");
  });

  it.each([1, 5, 40])("leaves out a last line that lacks %d bytes, says so, and writes on", (missing) => {
    const root = newRoot();
    const log = EditLog.open(root);
    log.append(label("cat", "a"));
    log.append(label("dog", "ü"));
    const bytes = readFileSync(log.path);
    truncateSync(log.path, bytes.length - missing);
    const again = EditLog.open(root);
    const isWhole = missing === 1;
    expect(again.notices).toEqual(
      isWhole ? [] : [expect.stringMatching(/the last edit was not written.*edits\.jsonl:2$/)],
    );
    again.append(label("fox", "b"));
    again.append(label("fox", "c"));
    const expected = new Map([["a", "cat"], ...(isWhole ? [["ü", "dog"] as const] : []), ["b", "fox"], ["c", "fox"]]);
    // The first one has seen the line before it was cut.
    for (const one of [again, EditLog.open(root)]) {
      expect(one.state.labels).toEqual(expected);
      expect(one.edits.map(({ line }) => line)).toEqual(isWhole ? [1, 2, 3, 4] : [1, 3, 4]);
      expect(one.notices).toEqual([]);
    }
  });

  it.each([
    ["not JSON", "{x}", /is not JSON.*where: .*edits\.jsonl:2\n.*delete this line/s],
    ["not an object", "null", /expected an object, received null/],
    ["an unknown op", `{"op":"crop","images":["a"]}`, /op: expected one of label,.*, redo, received "crop"/],
    ["an unknown field", `{"op":"undo","steps":2}`, /unknown option 'steps'/],
    ["no time", `{"op":"undo"}`, /time: expected/, ""],
    [
      "an image elsewhere",
      `{"op":"add","images":[{"path":"../x.jpg","source":""}]}`,
      /expected a file in \.classifier\/images\//,
    ],
    ["an absolute path", `{"op":"add","images":[{"path":"/etc/x.jpg","source":""}]}`, /expected a file in/],
    [
      "a folder too high",
      `{"op":"add","images":[{"path":".classifier/images/../../x.jpg","source":""}]}`,
      /expected a file in/,
    ],
    ["a blank class", `{"op":"add_class","name":" "}`, /name: expected the name of a class/],
    [
      "a class with a line break",
      `{"op":"rename_class","from":"a","to":"b\\nc"}`,
      /to: expected a name without control/,
    ],
    ["no images", `{"op":"confirm","images":[]}`, /images: expected array of at least 1 item/],
  ])("refuses a line with %s", (_, line, message, time = `"time":"2026-01-01T00:00:00Z",`) => {
    const root = newRoot();
    const log = EditLog.open(root);
    log.append(label("cat", "a"));
    appendFileSync(log.path, `${line.replace(/^\{(?=")/, `{${time}`)}\n`);
    expect(() => EditLog.open(root)).toThrow(message);
    for (let i = 0; i < 2; i++) expect(() => log.state).toThrow(message);
    truncateSync(log.path, readFileSync(log.path).indexOf(10) + 1);
    expect(log.edits).toHaveLength(1);
  });

  it("refuses an edit that is not valid, and writes nothing", () => {
    const root = newRoot();
    const log = EditLog.open(root);
    expect(() => log.append({ op: "split", images: ["a"], split: "dev" as "val" })).toThrow(
      /split: expected one of "train"/,
    );
    expect(() => log.store(new Uint8Array(3), ".exe")).toThrow(/extension of an image/);
    expect(log.edits).toEqual([]);
    expect(() => readFileSync(log.path)).toThrow(/ENOENT/);
  });

  it("sees another file in its place, and never writes through a link", () => {
    const root = newRoot();
    const log = EditLog.open(root);
    log.append(label("cat", "a"));
    log.append(label("cat", "b"));
    const [first] = readFileSync(log.path, "utf8").split("\n");
    writeFileSync(log.path, `${first}\n`);
    expect([...log.state.labels.keys()]).toEqual(["a"]);
    const elsewhere = join(newRoot(), "x");
    const other = newRoot();
    mkdirSync(join(other, ".classifier"));
    symlinkSync(elsewhere, join(other, ".classifier", "edits.jsonl"));
    expect(() => EditLog.open(other).append(label("cat", "a"))).toThrow(/the edit was not written/);
  });

  it("of a list lies beside it, and images are stored once", () => {
    const root = newRoot();
    const list = join(root, "photos.csv");
    writeFileSync(list, "image,label\n");
    const log = EditLog.open(list);
    expect(log.path).toBe(join(root, ".classifier", "photos.csv.edits.jsonl"));
    expect(log.nameOf(join(root, "cat", "1.jpg"))).toBe("cat/1.jpg");
    const name = log.store(Buffer.from("image"), ".JPG");
    expect(log.store(Buffer.from("image"), ".jpg")).toBe(name);
    expect(name).toMatch(/^\.classifier\/images\/[0-9a-f]{32}\.jpg$/);
    log.append({ op: "add", images: [{ path: name, source: "webcam" }], label: "cat" });
    expect(EditLog.open(list).state.labels.get(name)).toBe("cat");
    expect(EditLog.open(root).edits).toEqual([]);
  });
});
