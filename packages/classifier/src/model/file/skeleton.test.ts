import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportOnnx } from "@classifier-training/onnx";
import { fromTypedArray, manualSeed, noGrad, randn, type Tensor } from "@classifier-training/torch";
import { createModel } from "@classifier-training/vision";
import { afterAll, expect, test, vi } from "vitest";
import type { FileNetwork } from "./file-network.ts";
import { buildFileNetwork, openGraph } from "./open.ts";
import { type GraphFile, readModelFile } from "./read.ts";
import { networkOfRecord, recordOf } from "./skeleton.ts";

const dir = mkdtempSync(join(tmpdir(), "skeleton-"));
vi.setConfig({ testTimeout: 60_000 });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const small: Readonly<Record<string, object>> = { resnet18: { width: 8 }, vit_tiny_patch16_224: { imageSize: 32 } };

async function networkOf(name: string, size: number): Promise<FileNetwork> {
  manualSeed(5);
  const path = join(dir, `${name}.onnx`);
  exportOnnx(createModel(name, { numClasses: 4, ...small[name] }).eval(), randn([1, 3, size, size]), { path });
  const opened = openGraph((await readModelFile(path)) as GraphFile, { head: null, preprocessing: null });
  return buildFileNetwork(opened, { numClasses: 3, dropout: 0, pretrained: true });
}

const bytesOf = (state: ReadonlyMap<string, Tensor>) =>
  [...state.values()].reduce((sum, { numel }) => sum + 4 * numel, 0);
const options = { numClasses: 3, dropout: 0, where: "last.ckpt" };

test.each([
  ["resnet18", 32],
  ["mobilenet_v3_small", 32],
  ["vit_tiny_patch16_224", 32],
])("the network of a checkpoint is that of the file: %s", async (name, size) => {
  const network = await networkOf(name, size);
  const record = recordOf(network);
  const state = network.stateDict();
  expect(record.skeleton.numel).toBeLessThan(bytesOf(state) / 10);
  const restored = networkOfRecord(record, { ...options, weightBytes: bytesOf(state) });
  restored.loadStateDict(state);
  expect(restored.stages).toEqual(network.stages);
  const images = randn([2, 3, size, size]);
  const [own, again] = noGrad(() => [network.eval().call(images), restored.eval().call(images)]) as [Tensor, Tensor];
  expect(own.sub(again).abs().max().item()).toBe(0);
});

test("a record is data: more weights than the checkpoint has, and bytes of something else, are refused", async () => {
  const network = await networkOf("mobilenet_v3_small", 32);
  const record = recordOf(network);
  expect(() => networkOfRecord(record, { ...options, weightBytes: 1000 })).toThrow(/larger network than its weights/);
  const noise = fromTypedArray(
    Uint8Array.from({ length: 100 }, (_, i) => i),
    [100],
  );
  expect(() => networkOfRecord({ ...record, skeleton: noise }, { ...options, weightBytes: 1e8 })).toThrow(
    /not an ONNX model/,
  );
  expect(() => networkOfRecord({ ...record, features: -1 }, { ...options, weightBytes: 1e8 })).toThrow(
    /features: expected/,
  );
});
