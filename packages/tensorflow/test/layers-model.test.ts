import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { expect, test, vi } from "vitest";
import { readTfjs } from "../src/index.ts";
import { maxDifference, pattern, runGraph, toNhwc } from "./runtimes.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Saves a model as TensorFlow.js does, in a folder whose name has a space and an umlaut. */
async function saved(
  model: tfl.LayersModel,
  change: (json: Record<string, unknown>) => void = () => {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "a b ü "));
  await model.save({
    save: async ({ modelTopology, weightSpecs, weightData }) => {
      const bytes = Buffer.from(weightData as ArrayBuffer);
      const half = Math.floor(bytes.length / 2);
      writeFileSync(join(folder, "group1-shard1of2.bin"), bytes.subarray(0, half));
      writeFileSync(join(folder, "group1-shard2of2.bin"), bytes.subarray(half));
      const paths = ["group1-shard1of2.bin", "group1-shard2of2.bin"];
      const json = { format: "layers-model", modelTopology, weightsManifest: [{ paths, weights: weightSpecs }] };
      change(json);
      writeFileSync(join(folder, "model.json"), JSON.stringify(json));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    },
  });
  return folder;
}

/** Weights that leave no layer without an effect, moving variances positive. */
function randomize(model: tfl.LayersModel): void {
  model.setWeights(
    model.getWeights().map((weight, i) => {
      const values = pattern(weight.size).map((value, k) => 0.4 * value + 0.05 * Math.cos(k + i));
      return tf.tensor(
        model.weights[i]?.name.includes("variance") ? values.map((value) => 1 + value) : values,
        weight.shape,
      );
    }),
  );
}

async function expectSameOutput(model: tfl.LayersModel, size: readonly [number, number, number]): Promise<void> {
  randomize(model);
  const { graph } = readTfjs(await saved(model));
  const [height, width, channels] = size;
  const shape = [2, channels, height, width] as const;
  const input = pattern(2 * channels * height * width);
  const [mine] = await runGraph(graph, shape, input);
  const theirs = model.predict(tf.tensor4d(toNhwc(input, shape), [2, height, width, channels])) as tf.Tensor;
  expect(mine?.shape).toEqual(theirs.shape);
  expect(maxDifference(mine?.data ?? new Float32Array(), theirs.dataSync())).toBeLessThan(1e-4);
  // An output that is one number everywhere would agree by accident.
  expect(new Set(Array.from(theirs.dataSync(), (value) => value.toFixed(3))).size).toBeGreaterThan(2);
}

test("a Sequential network computes what TensorFlow.js computes", async () => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [17, 20, 3],
        filters: 8,
        kernelSize: 3,
        strides: 2,
        padding: "same",
        activation: "relu",
      }),
      tfl.layers.batchNormalization({}),
      tfl.layers.zeroPadding2d({
        padding: [
          [0, 1],
          [2, 1],
        ] as never,
      }),
      tfl.layers.depthwiseConv2d({
        kernelSize: [3, 2],
        strides: 2,
        depthMultiplier: 2,
        padding: "valid",
        useBias: false,
      }),
      tfl.layers.reLU({ maxValue: 6 }),
      tfl.layers.separableConv2d({ filters: 6, kernelSize: 3, padding: "same", activation: "tanh" }),
      tfl.layers.averagePooling2d({ poolSize: 2, strides: 1, padding: "same" }),
      tfl.layers.leakyReLU({ alpha: 0.1 }),
      tfl.layers.flatten(),
      tfl.layers.dropout({ rate: 0.5 }),
      tfl.layers.dense({ units: 7, activation: "elu" }),
      tfl.layers.batchNormalization({ scale: false, center: false }),
      tfl.layers.dense({ units: 5, activation: "softmax" }),
    ],
  });
  await expectSameOutput(model, [17, 20, 3]);
});

test("a graph of layers: residuals, attention over channels, a branch, a nested network called twice", async () => {
  const inner = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [null, null, 8] as never,
        filters: 8,
        kernelSize: 3,
        padding: "same",
        dilationRate: 2,
      }),
      tfl.layers.prelu({ alphaInitializer: "ones", sharedAxes: [1, 2] }),
    ],
  });
  const input = tfl.input({ shape: [16, 16, 3] });
  const stem = tfl.layers
    .conv2d({ filters: 8, kernelSize: 5, strides: 3, padding: "same" })
    .apply(input) as tfl.SymbolicTensor;
  const once = inner.apply(stem) as tfl.SymbolicTensor;
  const twice = inner.apply(once) as tfl.SymbolicTensor;
  const sum = tfl.layers.add().apply([stem, twice]) as tfl.SymbolicTensor;
  const pooled = tfl.layers.globalAveragePooling2d({ dataFormat: "channelsLast" }).apply(sum) as tfl.SymbolicTensor;
  const column = tfl.layers.reshape({ targetShape: [1, 1, 8] }).apply(pooled) as tfl.SymbolicTensor;
  const gate = tfl.layers
    .conv2d({ filters: 8, kernelSize: 1, activation: "hardSigmoid" })
    .apply(column) as tfl.SymbolicTensor;
  const scaled = tfl.layers.multiply().apply([sum, gate]) as tfl.SymbolicTensor;
  const branch = tfl.layers
    .maxPooling2d({ poolSize: 3, strides: 1, padding: "same" })
    .apply(stem) as tfl.SymbolicTensor;
  const joined = tfl.layers.concatenate().apply([scaled, branch]) as tfl.SymbolicTensor;
  const up = tfl.layers.upSampling2d({ size: [2, 2] }).apply(joined) as tfl.SymbolicTensor;
  const back = tfl.layers
    .conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: "same" })
    .apply(up) as tfl.SymbolicTensor;
  const cropped = tfl.layers
    .cropping2D({
      cropping: [
        [1, 2],
        [0, 3],
      ],
    })
    .apply(back) as tfl.SymbolicTensor;
  const permuted = tfl.layers.permute({ dims: [3, 1, 2] }).apply(cropped) as tfl.SymbolicTensor;
  const flat = tfl.layers.flatten().apply(permuted) as tfl.SymbolicTensor;
  const head = tfl.layers.dense({ units: 6 }).apply(flat) as tfl.SymbolicTensor;
  await expectSameOutput(tfl.model({ inputs: input, outputs: head }), [16, 16, 3]);
});

test("an export of Teachable Machine has its labels and its scaling", async () => {
  const features = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [24, 24, 3],
        filters: 4,
        kernelSize: 3,
        strides: 2,
        padding: "same",
        activation: "relu6",
      }),
      tfl.layers.globalAveragePooling2d({ dataFormat: "channelsLast" }),
    ],
  });
  const head = tfl.sequential({ layers: [tfl.layers.dense({ inputShape: [4], units: 3, activation: "softmax" })] });
  const model = tfl.sequential();
  model.add(features);
  model.add(head);
  const folder = await saved(model);
  const metadata = {
    tfjsVersion: "1.3.1",
    packageName: "@teachablemachine/image",
    labels: ["cat", "dog", "fox"],
    imageSize: 24,
  };
  writeFileSync(join(folder, "metadata.json"), JSON.stringify(metadata));
  const { graph, labels, preprocessing } = readTfjs(join(folder, "model.json"));
  expect(labels).toEqual(["cat", "dog", "fox"]);
  expect(preprocessing).toMatchObject({ height: 24, width: 24, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
  expect(graph.outputs[0]?.shape).toEqual(["batch", 3]);
});

test("what cannot be read is named, with what was expected", async () => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ inputShape: [8, 8, 3], filters: 2, kernelSize: 3, name: "first" }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  type Json = {
    modelTopology: { config: { layers: { class_name: string; config: { data_format: string } }[] } };
    weightsManifest: { paths: string[] }[];
  };
  const failing = async (change: (json: Json) => void) => {
    const folder = await saved(model, change as never);
    return () => readTfjs(folder);
  };
  const layer = (json: Json) =>
    json.modelTopology.config.layers[0] as Json["modelTopology"]["config"]["layers"][number];
  expect(
    await failing((json) => {
      layer(json).class_name = "Lambda";
    }),
  ).toThrow(/unsupported layer Lambda\n {2}where: .*model.json, Lambda 'first'/);
  expect(
    await failing((json) => {
      layer(json).config.data_format = "channels_first";
    }),
  ).toThrow(/expected data_format channels_last/);
  const paths = (to: string[]) =>
    failing((json) => {
      json.weightsManifest[0] = { ...json.weightsManifest[0], paths: to };
    });
  expect(await paths(["../../etc/hostname"])).toThrow(/weights file/);
  expect(await paths(["/etc/hostname"])).toThrow(/weights file/);
  expect(await paths(["missing.bin"])).toThrow(
    /is missing\n.*\n.*put the weights files of the model beside its model.json/,
  );
  expect(await paths(["group1-shard1of2.bin"])).toThrow(/needs bytes \d+ to \d+, and its files have \d+/);
});
