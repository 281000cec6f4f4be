import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { loadCheckpoint } from "@classifier-training/lightning";
import { manualSeed, serialization, type Tensor } from "@classifier-training/torch";
import { createModel, modelDefinition } from "@classifier-training/vision";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { serveFile, startServer } from "../../torch/test/http-server.ts";
import { workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000 });

const network = "mobilenet_v3_small";
const photos = "a b ü";
let dir = "";
let remove = () => {};
let weights: ReadonlyMap<string, Tensor>;
let content: Uint8Array;
let server: Awaited<ReturnType<typeof startServer>>;
/** What the mirror serves; undefined: nothing. */
let served: Uint8Array | undefined;

/** The mirror of this machine has a random network, under torchvision's name for a file of its content. */
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 6, valid: 4 }));
  renameSync(join(dir, "data"), join(dir, photos));
  manualSeed(9);
  weights = createModel(network, { numClasses: 1000 }).stateDict();
  const path = join(dir, "random.safetensors");
  serialization.saveSafetensors(path, new Map(weights));
  content = readFileSync(path);
  server = await startServer((request, response) => {
    if (served === undefined) response.writeHead(404).end();
    else serveFile(request, response, served);
  });
  const sha256 = createHash("sha256").update(content).digest("hex");
  const published = modelDefinition(network).weights.at(-1) as { url: string };
  published.url = published.url.replace(/-[0-9a-f]{8}\.pth$/, `-${sha256.slice(0, 8)}.pth`);
});

beforeEach(() => {
  const home = join(dir, "home");
  mkdirSync(home, { recursive: true });
  for (const name of ["XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME"]) vi.stubEnv(name, home);
  for (const name of ["CLASSIFIER_OFFLINE", "HF_HUB_OFFLINE"]) vi.stubEnv(name, undefined);
  vi.stubEnv("CLASSIFIER_WEIGHTS_MIRROR", server.url);
  server.seen.length = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of ["home", "checkpoints", "outputs"]) rmSync(join(dir, folder), { recursive: true, force: true });
});

afterAll(async () => {
  await server.close();
  remove();
});

const callbacks = ["onnx_export", "best_weights", "grad_cam", "confusion_matrix", "sample_visualization", "ema"];

/** A training whose steps change nothing that float32 could show. */
const train = (...more: string[]) =>
  inProcess(
    [
      ...["train", photos, `model=${network}`, "trainer.max_epochs=1", "trainer.precision=32-true"],
      ...["data.num_workers=0", "model.learning_rate=1e-12", ...callbacks.map((name) => `callbacks.${name}=null`)],
      ...more,
    ],
    dir,
  );

test("train PATH starts from the published file of a mirror, and from the cache the next time", async () => {
  served = content;
  const { code, text } = await train();
  expect(code, text).toBe(0);
  expect(text).toMatch(/model\.pretrained=true +\(published ImageNet weights\)/);
  expect(text).toMatch(/^weights of mobilenet_v3_small-[0-9a-f]{8}\.pth: \d+ tensors loaded, a new head$/m);
  const trained = loadCheckpoint(join(dir, "checkpoints", photos, "last.ckpt")).stateDict;
  for (const name of ["features.0.0.weight", "features.12.0.weight"])
    expect(trained.get(`model.${name}`)?.tolist()).toEqual(weights.get(name)?.tolist());
  const downloads = server.seen.filter(({ method }) => method === "GET").length;
  expect(downloads).toBe(1);
  const again = await train("seed=7");
  expect(again.code, again.text).toBe(0);
  expect(again.text).toContain("tensors loaded, a new head");
  expect(server.seen.filter(({ method }) => method === "GET")).toHaveLength(downloads);
});

test.each<[string, () => Uint8Array | undefined, RegExp]>([
  ["has no such file", () => undefined, /the server answers 404/],
  ["has a damaged one", () => content.slice(0, -1), /the download failed/],
])(
  "a mirror that %s: one line, and training from scratch; with pretrained=true it is an error",
  async (_what, serve, why) => {
    served = serve();
    const scratch = await train();
    expect(scratch.code, scratch.text).toBe(0);
    const lines = scratch.text.split("\n").filter((line) => line.includes("no published weights ("));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(why);
    expect(scratch.text).toMatch(/model\.pretrained=false +\(no published weights: from scratch\)/);
    const strict = await train("model.pretrained=true");
    expect(strict.code, strict.text).toBe(1);
    expect(strict.text).toMatch(/cannot get the pretrained weights mobilenet_v3_small-[\s\S]*model\.pretrained=false/);
    expect(strict.text).not.toMatch(/\n\s+at /);
  },
);
