import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Dashboard,
  type ImportReply,
  type StudioChanges,
  type StudioHistory,
  type StudioImageDetails,
  startDashboard,
} from "@classifier-training/dashboard";
import { zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { eventually } from "../../dashboard/test/eventually.ts";
import { studioExtension } from "../src/studio/studio-extension.ts";
import { startProgram } from "./cli.ts";
import { inProcess } from "./in-process.ts";
import { painted, paintFolders } from "./painted-images.ts";

vi.setConfig({ testTimeout: 60_000 });

let root: string;
let data: string;
let dashboard: Dashboard | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "studio a b ü-"));
  data = join(root, "data");
  mkdirSync(data);
});
afterEach(async () => {
  await dashboard?.close();
  dashboard = undefined;
  rmSync(root, { recursive: true, force: true });
});

async function serve(): Promise<void> {
  dashboard = await startDashboard({ root: join(root, "runs"), port: 0, extensions: [studioExtension(data)] });
  await eventually(async () => (await get<{ studio: { isReading: boolean } }>("states")).studio.isReading).toBe(false);
}

const address = (path: string) => new URL(`api/${path}`, (dashboard as Dashboard).url);
const get = async <T>(path: string) => (await (await fetch(address(path))).json()) as T;
const images = (since = "") => get<StudioChanges>(`studio/images${since && `?since=${since}`}`);
const labels = async () => Object.fromEntries((await images()).images.map(({ path, label }) => [path, label]));

async function send<T = { words?: string; error?: string }>(
  path: string,
  body: string | Buffer,
  hasToken = true,
): Promise<T> {
  const token = (dashboard as Dashboard).writeUrl.split("token=")[1] as string;
  const response = await fetch(address(path), {
    method: "POST",
    body: typeof body === "string" ? body : new Blob([new Uint8Array(body)]),
    headers: hasToken ? { "x-write-token": token } : {},
  });
  return (await response.json()) as T;
}
const edit = (change: object) => send("studio/edits", JSON.stringify(change));
const lines = () =>
  readFileSync(join(data, ".classifier", "edits.jsonl"), "utf8")
    .trim()
    .split("\n");

describe("a folder of any layout is shown, with what training would make of it", () => {
  test.each<[layout: string, files: readonly string[], shown: Readonly<Record<string, string | undefined>>]>([
    [
      "class folders, and files beside them",
      ["a/1", "b/2", "3"],
      { "a/1.jpg": "a", "b/2.jpg": "b", "3.jpg": undefined },
    ],
    ["one class", ["a/1", "a/2"], { "a/1.jpg": "a", "a/2.jpg": "a" }],
    ["no folder", ["1", "2"], { "1.jpg": undefined, "2.jpg": undefined }],
    [
      "splits",
      ["train/a/1", "train/b/2", "valid/a/3", "valid/b/4"],
      { "train/a/1.jpg": "a", "train/b/2.jpg": "b", "valid/a/3.jpg": "a", "valid/b/4.jpg": "b" },
    ],
    ["hidden files", ["a/1", "b/2", ".hidden/3"], { "a/1.jpg": "a", "b/2.jpg": "b" }],
    ["nothing", [], {}],
  ])("%s", async (_, files, shown) => {
    for (const [i, file] of files.entries()) {
      mkdirSync(join(data, file, ".."), { recursive: true });
      writeFileSync(join(data, `${file}.jpg`), await painted("red", i));
    }
    await serve();
    expect(await labels()).toEqual(shown);
    const { classes } = await images();
    expect(classes.map(({ name }) => name)).toEqual(
      [...new Set(Object.values(shown).filter((name) => name !== undefined))].sort(),
    );
  });

  test("a list with labels and splits", async () => {
    await paintFolders(data, { files: ["red", 4] });
    writeFileSync(
      join(data, "photos.csv"),
      "image,label,split\nfiles/0.jpg,ä,train\nfiles/1.jpg,b,train\nfiles/2.jpg,b,valid\n",
    );
    await serve();
    expect(await images()).toMatchObject({
      images: [
        { path: "files/0.jpg", label: "ä", split: "train" },
        { path: "files/1.jpg", label: "b", split: "train" },
        { path: "files/2.jpg", label: "b", split: "val" },
        { path: "files/3.jpg" },
      ],
    });
  });
});

test("edits are lines, reach pages as what changed, and are refused with a sentence when they name what is not there", async () => {
  await paintFolders(data, { a: ["red", 2], b: ["green", 2] });
  await serve();
  const { cursor } = await images();
  expect(await edit({ op: "label", images: ["a/0.jpg"], label: "b" })).toEqual({ words: "label b: a/0.jpg" });
  const changes = await images(cursor);
  expect(changes).toMatchObject({
    reset: false,
    images: [{ path: "a/0.jpg", label: "b" }],
    canUndo: true,
    canRedo: false,
  });
  expect(await images(changes.cursor)).toMatchObject({ images: [], removed: [] });
  for (const [change, error] of [
    [{ op: "label", images: ["../x.jpg"], label: "b" }, "there is no image ../x.jpg"],
    [{ op: "label", images: ["a/0.jpg"], label: "" }, "expected the name of a class"],
    [{ op: "label", images: [], label: "b" }, "images"],
    [
      { op: "add", images: [{ path: ".classifier/images/gone.jpg", source: "x" }] },
      "there is no image .classifier/images/gone.jpg",
    ],
    [{ op: "add_class", name: "a" }, "there is a class a already"],
    [{ op: "remove_class", name: "x" }, "there is no class x"],
    [{ op: "rename_class", from: "x", to: "y" }, "there is no class x"],
    [{ op: "erase" }, "expected one of label"],
    [["label"], "expected an edit as a JSON object"],
  ] as const)
    expect((await edit(change)).error, JSON.stringify(change)).toContain(error);
  expect(await send("studio/edits", "{")).toEqual({ error: "expected an edit as a JSON object" });
  expect(await send("studio/edits", "{}", false)).toMatchObject({
    error: expect.stringContaining("writing needs the address"),
  });
  expect(lines()).toHaveLength(1);
  await edit({ op: "rename_class", from: "b", to: "c" });
  await edit({ op: "exclude", images: ["b/1.jpg"], reason: "other" });
  expect((await get<StudioHistory>("studio/history")).edits.map(({ words }) => words)).toEqual([
    "left out: b/1.jpg",
    "class renamed: b to c",
    "label b: a/0.jpg",
  ]);
  expect(await send("studio/undo", JSON.stringify({ after: 1 }))).toEqual({ words: "took back 2 edits" });
  expect(await labels()).toEqual({ "a/0.jpg": "b", "a/1.jpg": "a", "b/0.jpg": "b", "b/1.jpg": "b" });
  expect(await send("studio/redo", "{}")).toEqual({ words: "made again: class renamed: b to c" });
  expect(await send("studio/undo", '{"after":-1}')).toMatchObject({ error: expect.stringContaining("after") });
  expect((await images()).classes).toEqual([
    { name: "a", count: 1 },
    { name: "c", count: 3 },
  ]);
});

test("images of all formats become what browsers show, in their EXIF orientation; damaged ones and other files do not", async () => {
  const { default: sharp } = await import("sharp");
  const wide = sharp({ create: { width: 60, height: 20, channels: 3, background: "red" } });
  writeFileSync(join(data, "turned.jpg"), await wide.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer());
  writeFileSync(join(data, "x.tif"), await painted("red", 1, "tiff"));
  writeFileSync(join(data, "x.ppm"), Buffer.concat([Buffer.from("P6 2 2 255\n"), Buffer.alloc(12, 99)]));
  writeFileSync(join(data, "cut.jpg"), (await painted("red", 2)).subarray(0, 300));
  writeFileSync(join(data, "notes.txt"), "secret");
  writeFileSync(join(root, "outside.jpg"), await painted("red", 3));
  await serve();
  const seen = async (path: string) => {
    const response = await fetch(address(`studio/thumbnails/${path}`));
    if (!response.ok) return response.status;
    expect(response.headers.get("content-type")).toBe("image/webp");
    const { width, height } = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
    return [width, height];
  };
  expect(await seen("turned.jpg")).toEqual([20, 60]);
  expect(await seen("x.tif")).toEqual([49, 40]);
  expect(await seen("x.ppm")).toEqual([2, 2]);
  expect(await seen("cut.jpg")).toBe(422);
  for (const path of ["notes.txt", "..%2Foutside.jpg", "%2Fetc%2Fpasswd", ".classifier%2Fedits.jsonl"])
    expect(await seen(path), path).toBe(404);
  expect(await get<StudioImageDetails>("studio/details/turned.jpg")).toMatchObject({
    width: 60,
    height: 20,
    format: "jpeg",
    orientation: 6,
  });
});

test("folders without images are classes of what is to come", async () => {
  for (const name of ["b", "ä", "train"]) mkdirSync(join(data, name));
  await serve();
  expect((await images()).classes).toEqual([
    { name: "b", count: 0 },
    { name: "ä", count: 0 },
  ]);
});

test("splits that the data has stay, and the others are made; images of several labels keep them", async () => {
  await paintFolders(data, {
    "train/a": ["red", 4],
    "train/b": ["green", 4],
    "test/a": ["red", 2],
    "test/b": ["blue", 2],
  });
  await serve();
  const fractions = JSON.stringify({ valFraction: 0.5, testFraction: 0 });
  expect(await send("studio/split", fractions)).toEqual({
    error: "the data has splits of its own, and they stay as they are",
  });
  await dashboard?.close();
  data = join(root, "several");
  await paintFolders(data, { files: ["red", 6] });
  const rows = [0, 1, 2, 3, 4, 5].map((i) =>
    JSON.stringify({ image: `files/${i}.jpg`, labels: i === 0 ? ["a", "b"] : [i % 2 === 0 ? "a" : "b"] }),
  );
  writeFileSync(join(data, "list.jsonl"), rows.join("\n"));
  await serve();
  expect((await labels())["files/0.jpg"]).toBe("a, b");
  expect((await edit({ op: "label", images: ["files/1.jpg", "files/0.jpg"], label: "a" })).error).toContain(
    "files/0.jpg has several labels",
  );
  for (const [body, error] of [
    ['{"valFraction":0,"testFraction":0}', "expected a part for validation or testing"],
    ['{"valFraction":0.6,"testFraction":0.6}', "expected a rest for training"],
    ["{}", "expected number, received nothing"],
  ] as const)
    expect((await send("studio/split", body)).error).toContain(error);
});

test("imports are checked, kept by content once, and nothing leaves the folder", async () => {
  await paintFolders(data, { a: ["red", 1] });
  await serve();
  const file = async (bytes: Buffer, name: string) =>
    (await send<ImportReply>(`studio/files?name=${encodeURIComponent(name)}`, bytes)).files[0];
  const png = await painted("blue", 5, "png");
  const imported = await file(png, "../../b ü.jpg");
  // By what it is, not by what it is called.
  expect(imported).toEqual({
    name: "../../b ü.jpg",
    path: expect.stringMatching(/^\.classifier\/images\/[0-9a-f]{32}\.png$/),
    isNew: true,
  });
  const { path } = imported as { path: string };
  await edit({ op: "add", images: [{ path, source: "b ü.jpg" }], label: "new" });
  expect(await labels()).toEqual({ "a/0.jpg": "a", [path]: "new" });
  expect(await file(png, "again.png")).toMatchObject({ path, isNew: false });
  expect(await file(readFileSync(join(data, "a", "0.jpg")), "x.jpg")).toMatchObject({ path: "a/0.jpg", isNew: false });
  for (const [bytes, error] of [
    [Buffer.from("no image"), "not an image of a known format"],
    [Buffer.alloc(0), "the file is empty"],
    [
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>'),
      "images of this format (svg) are not taken",
    ],
    [png.subarray(0, 200), "cannot be decoded"],
  ] as const)
    expect((await file(bytes, "bad.png"))?.error).toContain(error);
  const zip = zipSync({
    "c/1.png": await painted("green", 7, "png"),
    "../../../2.png": await painted("green", 8, "png"),
    "c/readme.txt": Buffer.from("x"),
    "__MACOSX/c/1.png": png,
  });
  const { files } = await send<ImportReply>("studio/archives", Buffer.from(zip));
  expect(files.map(({ name, isNew }) => [name, isNew])).toEqual([
    ["c/1.png", true],
    ["../../../2.png", true],
  ]);
  expect(existsSync(join(root, "2.png"))).toBe(false);
  expect(await send("studio/archives", Buffer.from(zip.subarray(0, 100)))).toMatchObject({
    error: expect.stringContaining("the zip archive cannot be read"),
  });
});

test("the command makes the folder, serves it, and never loads LibTorch", async () => {
  const program = new URL("../bin/classifier.js", import.meta.url).pathname;
  const { process: child, done } = startProgram(program, ["studio", "photos ü", "--port", "0"], root);
  let text = "";
  child.stdout?.on("data", (part) => {
    text += part;
  });
  await eventually(() => text).toContain("http://127.0.0.1:");
  expect(text).toContain(`made the folder ${join(root, "photos ü")}`);
  const url = /http:\S+/.exec(text)?.[0] as string;
  expect(((await (await fetch(new URL("api/session", url))).json()) as { extensions: string[] }).extensions).toContain(
    "studio",
  );
  expect((await fetch(new URL("api/studio/images", url))).status).toBe(200);
  if (process.platform === "linux") expect(readFileSync(`/proc/${child.pid}/maps`, "utf8")).not.toContain("libtorch");
  child.kill("SIGTERM");
  await done;
});

test("a file in place of the folder, and damaged edits, are sentences", async () => {
  writeFileSync(join(root, "x.txt"), "");
  const file = await inProcess(["studio", "x.txt"], root);
  expect(file.code).toBe(1);
  expect(file.text).toContain("expected a folder, received the file x.txt");
  mkdirSync(join(data, ".classifier"));
  writeFileSync(join(data, ".classifier", "edits.jsonl"), "{}\n");
  const damaged = await inProcess(["studio", "data", "--port", "0"], root);
  expect(damaged.code).toBe(1);
  expect(damaged.text).toContain("edits.jsonl:1");
});
