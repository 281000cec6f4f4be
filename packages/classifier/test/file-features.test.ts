import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx, foldBatchNorm } from "@classifier-training/onnx";
import { fromTypedArray, manualSeed, nn, noGrad, randn, type Tensor } from "@classifier-training/torch";
import { createModel } from "@classifier-training/vision";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { validationPipeline } from "../../image/test/recipes.ts";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { createFileModel } from "../src/model/build.ts";
import { measureUnfoldedNorms } from "../src/model/unfolded-norms.ts";
import { inProcess } from "./in-process.ts";
import { paintFolders } from "./painted-images.ts";

vi.setConfig({ testTimeout: 300_000 });

const root = mkdtempSync(join(tmpdir(), "file features a b ü-"));
const net = join(root, "net.onnx");

beforeAll(async () => {
  process.env["XDG_CACHE_HOME"] = join(root, "cache");
  await paintFolders(join(root, "photos"), { red: ["red", 12], green: ["green", 12] });
  manualSeed(1);
  const network = createModel("resnet18", { numClasses: 7, width: 8 });
  const metadata = { mean: "[0.5, 0.5, 0.5]", std: "[0.5, 0.5, 0.5]" };
  const { bytes } = exportOnnx(network.eval(), randn([1, 3, 40, 40]), { metadata });
  writeFileSync(net, foldBatchNorm(bytes));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const norms = (model: nn.Module) => [...model.modules()].filter((module) => module instanceof nn.BatchNorm2d);
const values = (tensor: Tensor) => Array.from(tensor.toTypedArray() as Float32Array);

test("batch norms are un-folded with the statistics of the data, and the network computes the same", async () => {
  manualSeed(2);
  const folded = await createFileModel({ path: net, numClasses: 2 });
  const unfolded = await createFileModel({ path: net, numClasses: 2, unfoldBatchNorm: true });
  expect([norms(folded.model).length, norms(unfolded.model).length]).toEqual([0, 20]);
  noGrad(() => {
    const [from, to] = [folded.head, unfolded.head] as [nn.Linear, nn.Linear];
    to.weight.copy_(from.weight);
    if (from.bias != null) to.bias?.copy_(from.bias);
  });
  const transform = validationPipeline({ imageSize: 40 });
  const options = { dataRoot: join(root, "photos"), batchSize: 4, numWorkers: 0, imageSize: 40 };
  const data = new ImageFolderDataModule({
    ...options,
    valFraction: 0.25,
    trainTransforms: transform,
    valTransforms: transform,
  });
  await data.setup("fit");
  folded.eval();
  await measureUnfoldedNorms(unfolded, data);
  unfolded.eval();
  const pixels = Float32Array.from({ length: 2 * 3 * 40 * 40 }, (_, i) => Math.sin(i * 0.37));
  const [a, b] = noGrad(() => {
    const images = fromTypedArray(pixels, [2, 3, 40, 40]);
    return [values(folded.call(images)), values(unfolded.call(images))] as const;
  });
  const scale = Math.max(...a.map(Math.abs));
  for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(1e-4 * (1 + scale));
  const [first] = norms(unfolded.model);
  expect(values(first?.running_mean as Tensor).every((mean) => mean !== 0)).toBe(true);
  expect(values(first?.running_var as Tensor).every((variance) => variance > 0 && variance !== 1)).toBe(true);
});

test("un-folded networks train and are exported from the command line", async () => {
  const words = [
    ...["train", "photos", "model=file", "model.path=net.onnx", "model.unfold_batch_norm=true", "logging=none"],
    ...["trainer.max_epochs=1", "data.batch_size=4", "data.num_workers=0", "trainer.precision=32-true"],
  ];
  const { code, text } = await inProcess([...words, "hydra.run.dir=run"], root);
  expect(code, text).toBe(0);
  expect(text).toMatch(/20 batch norms unfolded, with the statistics of \d+ training images/);
  const predicted = await inProcess(["predict", "run", "photos/red/0.jpg"], root);
  expect(predicted.code, predicted.text).toBe(0);
});

test("a model file judges labels: all images, once each", async () => {
  const { code, text } = await inProcess(["data", "suspects", "photos", "--model", "net.onnx"], root);
  expect(code, text).toBe(0);
  expect(text).toContain("24 images, judged by net.onnx, trained on other images");
  const spy = vi.spyOn(nn.Conv2d.prototype, "forward");
  const map = await inProcess(["data", "map", "photos", "--model", "net.onnx", "--json", "map.json"], root);
  expect(map.code, map.text).toBe(0);
  // Those of the empty image that a network is planned with: what it says of the others is known.
  expect(spy.mock.calls.length).toBeLessThanOrEqual(20);
  spy.mockRestore();
});

test("what is not a network is refused, and so is the export of a run", async () => {
  const { code, text } = await inProcess(["data", "suspects", "photos", "--model", "photos/red/0.jpg"], root);
  expect([code, text]).toEqual([1, text]);
  const exported = await inProcess(["data", "suspects", "photos", "--model", "run/model.onnx"], root);
  expect(exported.code).toBe(1);
  expect(exported.text).toContain("give the run directory");
});
