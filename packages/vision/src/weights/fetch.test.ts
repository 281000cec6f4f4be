import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import { setLogSinks } from "@classifier-training/base";
import { progressBar, progressLine } from "@classifier-training/torch/download";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serveFile, startServer } from "../../../torch/test/http-server.ts";
import { fetchWeights } from "./fetch.ts";
import { parseSource } from "./source.ts";

const content = new Uint8Array(randomBytes(10_000));
const sha256 = createHash("sha256").update(content).digest("hex");
const fileName = `tiny-${sha256.slice(0, 8)}.pth`;
const url = `https://download.pytorch.org/models/${fileName}`;

let home: string;
let env: Record<string, string>;
let cleanups: (() => unknown)[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "weights-home-"));
  env = { XDG_CACHE_HOME: join(home, "cache"), TORCH_HOME: join(home, "torch"), HF_HOME: join(home, "hf") };
  cleanups = [() => rmSync(home, { recursive: true }), setLogSinks([])];
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test("a mirror serves torchvision's files, and a second call finds the first one's download", async () => {
  const server = await startServer((request, response) => serveFile(request, response, content));
  cleanups.push(() => server.close());
  env["CLASSIFIER_WEIGHTS_MIRROR"] = `${server.url}/mirror/`;
  const path = await fetchWeights(url, { env });
  expect(path).toBe(join(home, "cache", "classifier-training", "weights", fileName));
  expect(Buffer.compare(readFileSync(path), content)).toBe(0);
  expect(await fetchWeights(url, { env, offline: true })).toBe(path);
  expect(server.seen.map(({ url }) => url)).toEqual([`/mirror/${fileName}`]);
});

test("HF_ENDPOINT and HF_TOKEN go to the hub, and each revision has its own file", async () => {
  const server = await startServer((request, response) => serveFile(request, response, content));
  cleanups.push(() => server.close());
  Object.assign(env, { HF_ENDPOINT: server.url, HF_TOKEN: "hf_x" });
  await fetchWeights("timm/resnet18.a1_in1k", { env });
  await fetchWeights("hf://timm/resnet18.a1_in1k@v2/pytorch_model.bin", { env });
  expect(server.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ["/timm/resnet18.a1_in1k/resolve/main/model.safetensors", "Bearer hf_x"],
    ["/timm/resnet18.a1_in1k/resolve/v2/pytorch_model.bin", "Bearer hf_x"],
  ]);
});

test("PyTorch's and Hugging Face's caches are read, but not a damaged file in them", async () => {
  const torch = join(home, "torch", "hub", "checkpoints");
  mkdirSync(torch, { recursive: true });
  writeFileSync(join(torch, fileName), content);
  expect(await fetchWeights(url, { env, offline: true })).toBe(join(torch, fileName));
  writeFileSync(join(torch, fileName), "damaged");
  await expect(fetchWeights(url, { env, offline: true })).rejects.toMatchObject({ code: "weights/offline" });

  const repository = join(home, "hf", "hub", "models--timm--x.y");
  mkdirSync(join(repository, "refs"), { recursive: true });
  mkdirSync(join(repository, "snapshots", "abc"), { recursive: true });
  writeFileSync(join(repository, "refs", "main"), "abc");
  const file = join(repository, "snapshots", "abc", "model.safetensors");
  writeFileSync(file, content);
  expect(await fetchWeights("timm/x.y", { env: { ...env, HF_HUB_OFFLINE: "1" } })).toBe(file);
});

test("files of one name at different addresses do not meet in the cache", async () => {
  const server = await startServer((request, response) => response.end(request.url));
  cleanups.push(() => server.close());
  const first = await fetchWeights(`${server.url}/a/model.safetensors`, { env });
  const second = await fetchWeights(`${server.url}/b/model.safetensors`, { env });
  expect([first, second].map((path) => readFileSync(path, "utf8"))).toEqual([
    "/a/model.safetensors",
    "/b/model.safetensors",
  ]);
});

test("a path and a file URL are taken as they are", async () => {
  const path = join(home, "mine.safetensors");
  writeFileSync(path, content);
  expect(await fetchWeights(path, { env })).toBe(path);
  expect(await fetchWeights(pathToFileURL(path).href, { env })).toBe(path);
  await expect(fetchWeights(join(home, "absent.pth"), { env })).rejects.toThrow("weights file not found");
});

test("without a network one message names the file, where it was looked for, and model.pretrained=false", async () => {
  const closed = await startServer(() => {});
  await closed.close();
  env["CLASSIFIER_WEIGHTS_MIRROR"] = closed.url;
  const failure = await fetchWeights(url, { env, backoffMs: 1 }).catch((error: Error) => error.message);
  const text = String(failure).replaceAll(home, "HOME").replaceAll(fileName, "FILE").replace(/:\d+/g, ":PORT");
  expect(text).toMatchInlineSnapshot(`
    "cannot get the pretrained weights FILE: no connection: connect ECONNREFUSED 127.0.0.1:PORT (2 attempts)
      where: looked for HOME/cache/classifier-training/weights/FILE, HOME/torch/hub/checkpoints/FILE, http://127.0.0.1:PORT/FILE
      fix: put the file into HOME/cache/classifier-training/weights, or train from scratch with model.pretrained=false"
  `);
});

test("the offline switches are named", async () => {
  for (const name of ["HF_HUB_OFFLINE", "CLASSIFIER_OFFLINE"]) {
    await expect(fetchWeights(url, { env: { ...env, [name]: "1" } })).rejects.toThrow(`: ${name} is set`);
  }
});

test("what names no weights is refused", () => {
  expect(() => parseSource("imagenet", env)).toThrow("'imagenet' does not name weights");
  expect(() => parseSource("hf://timm", env)).toThrow("not a file of the Hugging Face hub");
  expect(() => parseSource("hf://a/b/../c", env)).toThrow("not a file of the Hugging Face hub");
});

test("on a terminal the bar rewrites one line, elsewhere only the end is shown", () => {
  const text = (isTTY: boolean) => {
    const stream = Object.assign(new PassThrough(), { isTTY });
    const listener = progressBar(stream as unknown as NodeJS.WriteStream);
    const step = { file: "a.pth", totalBytes: 2e6, bytesPerSecond: 1e6 };
    listener({ ...step, receivedBytes: 1e6, done: false });
    listener({ ...step, receivedBytes: 2e6, done: true });
    return String(stream.read());
  };
  const end = "a.pth [====================] 100% 2.0/2.0 MB 1.0 MB/s";
  expect(text(false)).toBe(`${end}\n`);
  expect(text(true)).toBe(`\r\x1b[2Ka.pth [==========          ] 50% 1.0/2.0 MB 1.0 MB/s 1 s left\r\x1b[2K${end}\n`);
});

test("a progress line has a bar, amounts, speed and time left", () => {
  const line = { file: "a.pth", receivedBytes: 25e6, totalBytes: 100e6, bytesPerSecond: 5e6, done: false };
  expect(progressLine(line)).toBe("a.pth [=====               ] 25% 25.0/100.0 MB 5.0 MB/s 15 s left");
});
