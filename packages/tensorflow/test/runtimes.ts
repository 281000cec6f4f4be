import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { openSession, Tensor } from "@classifier-training/inference/runtime";
import { type OnnxGraph, writeOnnxGraph } from "@classifier-training/onnx";

export interface Result {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The outputs of a graph in ONNX Runtime, which shares no code with the reader. */
export async function runGraph(graph: OnnxGraph, shape: readonly number[], data: Float32Array): Promise<Result[]> {
  const session = await openSession(writeOnnxGraph(graph), { threads: 1 });
  const results = await session.run({ [graph.inputs[0]?.name ?? ""]: new Tensor("float32", data, [...shape]) });
  await session.release();
  return graph.outputs.map(({ name }) => {
    const output = results[name];
    return { shape: output?.dims ?? [], data: output?.data as Float32Array };
  });
}

/** Images as TensorFlow has them, NHWC, of those in NCHW. */
export function toNhwc(data: Float32Array, [n, c, h, w]: readonly [number, number, number, number]): Float32Array {
  const result = new Float32Array(data.length);
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < c; channel++) {
      for (let i = 0; i < h * w; i++) {
        result[(image * h * w + i) * c + channel] = data[(image * c + channel) * h * w + i] as number;
      }
    }
  }
  return result;
}

/** Numbers from -1 to 1, the same in every run. */
export function pattern(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7) * Math.cos(i * 0.0137));
}

export function maxDifference(a: Float32Array, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] as number))), 0);
}

/** LiteRT's own interpreter: its WebAssembly, whose loader expects a browser. */
export async function loadLiteRt() {
  const require = createRequire(import.meta.url);
  const browser = globalThis as Record<string, unknown>;
  browser["self"] = globalThis;
  browser["navigator"] ??= {};
  browser["importScripts"] = (path: string) => {
    const module: { exports: unknown } = { exports: {} };
    new Function("module", "exports", "require", "__filename", "__dirname", readFileSync(path, "utf8"))(
      module,
      module.exports,
      require,
      path,
      dirname(path),
    );
    browser["ModuleFactory"] = module.exports;
  };
  const litert = await import("@litertjs/core");
  await litert.loadLiteRt(join(dirname(require.resolve("@litertjs/core/package.json")), "wasm/"));
  return litert;
}
