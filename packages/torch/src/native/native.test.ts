import { spawnWorker } from "@classifier-training/base";
import { expect, test, vi } from "vitest";
import { adviceFor, buildInfo, native } from "./load.ts";

vi.setConfig({ testTimeout: 30_000 });

test("the addon works in worker threads, several at once, each with its own ledger", async () => {
  const results = await Promise.all(
    [1, 2, 3].map(
      (seed) =>
        new Promise((resolve, reject) => {
          const worker = spawnWorker(new URL("../../test/worker-probe.ts", import.meta.url), { workerData: { seed } });
          worker.once("message", resolve);
          worker.once("error", reject);
        }),
    ),
  );
  expect(results).toEqual([1, 2, 3].map((seed) => ({ sum: 8 * seed, gradient: [4, 4], live: 0, gradEnabled: true })));
});

test("the addon refuses what is not a tensor", () => {
  const relu = native.operator("aten::relu", "")!;
  expect(() => native.call(relu.index, [3])).toThrow("argument 'self': expected a tensor, received number 3");
  expect(() => native.call(relu.index, [])).toThrow("argument 'self' (Tensor) is missing");
  expect(() => native.shape({} as never)).toThrow("expected a tensor");
  expect(() => native.call(99_999_999, [])).toThrow();
  const pool = native.operator("aten::max_pool2d", "")!;
  const image = native.fromBytes(new Uint8Array(64), [1, 1, 4, 4], "float32");
  expect(() => native.call(pool.index, [image, "x"])).toThrow(
    'expected a dtype, layout or memory format, received string "x"',
  );
  expect(() => native.call(pool.index, [image, 1.5])).toThrow("expected an integer");
  expect(() => native.fromBytes(new Uint8Array(64), [-1], "float32")).toThrow(
    "expected sizes of 0 or more, received -1",
  );
});

test("a failure to load is explained by its symptom", () => {
  expect(adviceFor("libtorch_cpu.so.1.13: cannot open shared object file", "/usr/lib")).toContain("it was in /usr/lib");
  expect(adviceFor("undefined symbol: _ZN2at", undefined)).toContain("another version of LibTorch");
  expect(adviceFor("version `GLIBCXX_3.4.32' not found", undefined)).toContain("newer system");
});

test("the build left a record of its LibTorch", ({ skip }) => {
  skip(process.env["CT_TORCH_ADDON"] !== undefined, "CT_TORCH_ADDON names an addon that was built elsewhere");
  expect(buildInfo()?.libtorch.version).toBe(native.versionInfo().libtorch);
});
