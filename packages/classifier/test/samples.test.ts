import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import {
  type Dashboard,
  type EvaluationList,
  type MarksReply,
  type SampleAccess,
  startDashboard,
} from "@classifier-training/dashboard";
import { epochFolder, evaluationPaths, RunWriter, readPredictions, runPaths } from "@classifier-training/runs";
import { openData } from "@classifier-training/vision/data";
import { zipSync } from "fflate";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { trainOnce } from "../../dashboard/test/trained-run.ts";
import { samplesExtension } from "../src/studio/samples/samples-extension.ts";

vi.setConfig({ testTimeout: 120_000 });

const key = encodeURIComponent("2026-01-02/10-11-12");
let trained: Awaited<ReturnType<typeof trainOnce>>;
let workspace: string;
let dashboard: Dashboard;
let closed: Dashboard;
let sample: string;
let label: string;

beforeAll(async () => {
  trained = await trainOnce();
  workspace = join(trained.root, "..");
  const [row] = readPredictions(join(trained.root, "2026-01-02/10-11-12", epochFolder(1), evaluationPaths.predictions));
  sample = row?.row.sample ?? "";
  label = row?.row.true ?? "";
  dashboard = await startDashboard({
    root: trained.root,
    port: 0,
    extensions: [samplesExtension({ data: [], cwd: workspace })],
  });
  closed = await startDashboard({
    root: trained.root,
    port: 0,
    extensions: [samplesExtension({ data: [], cwd: trained.root })],
  });
  await Promise.all([dashboard.ready, closed.ready]);
});
afterAll(async () => {
  await Promise.all([dashboard?.close(), closed?.close()]);
  trained.remove();
});

const imageOf = (path: string, page = dashboard) =>
  fetch(`${page.url}api/runs/${key}/sample-image?sample=${encodeURIComponent(path)}`);
const errorOf = async (response: Response) => ((await response.json()) as { readonly error: string }).error;

async function mark(body: object, token = /#token=(.+)$/.exec(dashboard.writeUrl)?.[1] ?? "") {
  const response = await fetch(`${dashboard.url}api/runs/${key}/marks`, {
    method: "POST",
    headers: { "x-write-token": token },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as MarksReply & { readonly error?: string } };
}

const edits = () =>
  readFileSync(join(workspace, "data/.classifier/edits.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly op: string; readonly images?: readonly string[] });

test("a training records where its images are; they are shown to a page that was started there", async () => {
  const access = (await (await fetch(`${dashboard.url}api/runs/${key}/sample-access`)).json()) as SampleAccess;
  expect(access).toEqual({ root: join(workspace, "data"), canMark: true, canExplain: true });
  const response = await imageOf(sample);
  expect(response.headers.get("content-type")).toBe("image/jpeg");
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(bytes).toEqual(readFileSync(join(workspace, sample)));
  const inData = await fetch(
    `${dashboard.url}api/runs/${key}/sample-image?in=data&sample=${sample.replace(/^data./, "")}`,
  );
  expect(Buffer.from(await inData.arrayBuffer())).toEqual(bytes);
});

test("the evaluations of a training are its epochs, the best one marked, and that of its best weights", async () => {
  const reply = await fetch(`${dashboard.url}api/runs/${key}/evaluations`);
  const { evaluations } = (await reply.json()) as EvaluationList;
  expect(evaluations.map(({ id }) => id)).toEqual(["epoch_000", "epoch_001", "best"]);
  expect(evaluations.filter(({ isBest }) => isBest)).toHaveLength(1);
});

test("a page that was started elsewhere says how to see them", async () => {
  const access = (await (await fetch(`${closed.url}api/runs/${key}/sample-access`)).json()) as SampleAccess;
  expect(access.problem).toContain("classifier dashboard --data");
  expect(access).toMatchObject({ canMark: false });
  const response = await imageOf(sample, closed);
  expect(response.status).toBe(400);
  expect(await errorOf(response)).toContain("may not show");
});

test("a format that browsers do not show is converted", async () => {
  const tiff = join(workspace, "data/valid/1/scan.tiff");
  const { width: side, height: other } = await sharp(join(workspace, sample)).tiff().toFile(tiff);
  const size = { width: side, height: other };
  const response = await imageOf("data/valid/1/scan.tiff");
  expect(response.headers.get("content-type")).toBe("image/webp");
  const { width, height } = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
  expect({ width, height }).toEqual(size);
  rmSync(tiff);
});

test.each([
  ["a file that is not an image", "data/valid/notes.txt"],
  ["a file outside of the data", "outside.png"],
  ["a path that leads out", "data/../outside.png"],
  ["a link that leads out", "data/valid/link.png"],
  ["text that is called an image", "data/valid/text.tiff"],
  ["a link to text", "data/valid/notes.png"],
  ["a file that is not there", "data/valid/none.png"],
  ["an absolute path", "/etc/passwd"],
])("%s is not shown", async (_what, path) => {
  const folder = join(workspace, "data/valid");
  writeFileSync(join(folder, "notes.txt"), "secret");
  writeFileSync(join(folder, "text.tiff"), "secret");
  cpSync(join(workspace, sample), join(workspace, "outside.png"));
  for (const [name, to] of [
    ["link.png", join(workspace, "outside.png")],
    ["notes.png", join(folder, "notes.txt")],
  ] as const)
    if (!existsSync(join(folder, name))) symlinkSync(to, join(folder, name));
  try {
    const response = await imageOf(path);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(await errorOf(response)).not.toContain("secret");
  } finally {
    for (const name of ["notes.txt", "text.tiff", "link.png", "notes.png"]) rmSync(join(folder, name), { force: true });
  }
});

test("marks are edits of the data, stay, and are taken back", async () => {
  const name = sample.split("/").slice(1).join("/");
  expect((await mark({ sample, true: label, label: "7" }, "0".repeat(32))).status).toBe(401);
  expect((await mark({ sample, true: label, label: "7" })).body.marks).toEqual([[sample, { label: "7" }]]);
  expect(edits()).toMatchObject([{ op: "label", images: [name], label: "7" }]);
  expect((await mark({ sample, true: label, isUnreadable: true })).body.marks).toContainEqual([
    sample,
    { isUnreadable: true },
  ]);
  expect((await mark({ sample, true: label, undo: true })).body.marks).toEqual([[sample, { label: "7" }]]);
  expect((await mark({ sample, true: label, undo: true })).body.marks).toEqual([]);
  expect(edits().map(({ op }) => op)).toEqual(["label", "exclude", "undo", "undo"]);
  const outside = await mark({ sample: "../x.png", true: label, label: "7" });
  expect(outside).toMatchObject({ status: 400, body: { error: expect.stringContaining("outside of the data") } });
  expect((await mark({ sample })).status).toBe(400);
});

test("Grad-CAM is computed by the best checkpoint, and kept; without one a sentence says so", async () => {
  const explain = (className: string) =>
    fetch(`${dashboard.url}api/runs/${key}/grad-cam?sample=${encodeURIComponent(sample)}&class=${className}`);
  const first = await explain("1");
  expect(first.headers.get("content-type")).toBe("image/png");
  const png = Buffer.from(await first.arrayBuffer());
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 360, height: 360 });
  // It has places in red, and others in gray.
  expect(data.some((_, i) => i % 3 === 0 && (data[i] ?? 0) > (data[i + 2] ?? 0) + 60)).toBe(true);
  const other = Buffer.from(await (await explain("7")).arrayBuffer());
  expect(other.equals(png)).toBe(false);
  expect(await errorOf(await explain("none"))).toContain("has no class 'none'");
  const checkpoints = join(workspace, "checkpoints");
  renameSync(checkpoints, `${checkpoints} away`);
  expect(await errorOf(await explain("1"))).toContain("checkpoint");
  renameSync(`${checkpoints} away`, checkpoints);
  expect(Buffer.from(await (await explain("1")).arrayBuffer()).equals(png)).toBe(true);
});

test("a run that has not recorded its data is looked at from the folder of the server", async () => {
  const old = join(trained.root, "old");
  mkdirSync(old);
  cpSync(join(trained.root, "2026-01-02/10-11-12", runPaths.hydra), join(old, runPaths.hydra), { recursive: true });
  const response = await fetch(`${dashboard.url}api/runs/old/sample-image?sample=${encodeURIComponent(sample)}`);
  expect(response.status).toBe(200);
  const explained = await fetch(`${dashboard.url}api/runs/old/grad-cam?class=1&sample=${encodeURIComponent(sample)}`);
  expect(await errorOf(explained)).toMatch(/checkpoint/);
});

test("images in an archive are shown, and marked by their names in it", async () => {
  const files = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"];
  const image = readFileSync(join(workspace, sample));
  writeFileSync(join(workspace, "photos.zip"), zipSync(Object.fromEntries(files.map((name) => [name, image]))));
  const dir = join(trained.root, "zip");
  RunWriter.open(dir, { cwd: workspace, dataRoot: join(workspace, "photos.zip") }).finish("success");
  const data = await openData(join(workspace, "photos.zip"));
  const path = relative(workspace, (await data.open("train")).paths[0] ?? "");
  const address = `${dashboard.url}api/runs/zip`;
  const shown = await fetch(`${address}/sample-image?sample=${encodeURIComponent(path)}`);
  expect(shown.headers.get("content-type")).toBe("image/webp");
  expect((await fetch(`${address}/sample-image?in=data&sample=a%2F1.jpg`)).status).toBe(200);
  const token = /#token=(.+)$/.exec(dashboard.writeUrl)?.[1] ?? "";
  const body = JSON.stringify({ sample: path, true: "a", label: "b" });
  const marked = await fetch(`${address}/marks`, { method: "POST", headers: { "x-write-token": token }, body });
  expect(((await marked.json()) as MarksReply).marks).toEqual([[path, { label: "b" }]]);
  expect(readFileSync(join(workspace, ".classifier/photos.zip.edits.jsonl"), "utf8")).toContain('"images":["a/1.jpg"]');
  // An archive is not the folder that it lies in.
  for (const beside of [sample, "outside.png"])
    expect(await errorOf(await fetch(`${address}/sample-image?sample=${encodeURIComponent(beside)}`))).toContain(
      "outside",
    );
});

test("of a list, the images that it names are shown, and no others beside it", async () => {
  writeFileSync(join(workspace, "list.csv"), `path,label\n${sample},1\nnone.png,7\n`);
  RunWriter.open(join(trained.root, "list"), { cwd: workspace, dataRoot: join(workspace, "list.csv") }).finish(
    "success",
  );
  const shown = (path: string) =>
    fetch(`${dashboard.url}api/runs/list/sample-image?sample=${encodeURIComponent(path)}`);
  expect((await shown(sample)).status).toBe(200);
  expect(await errorOf(await shown(sample.replace(/\d\.jpg$/, (end) => `${(Number(end[0]) + 1) % 4}.jpg`)))).toContain(
    "outside",
  );
});
