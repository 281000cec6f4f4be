import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RecordSchema } from "../src/proto/wandb.generated.ts";
import { manifestDigest } from "../src/wandb/artifacts.ts";
import { LineCollector } from "../src/wandb/console-capture.ts";
import { withoutCredentials } from "../src/wandb/environment.ts";
import { parseWandbJson, wandbJson } from "../src/wandb/records.ts";
import { RunState } from "../src/wandb/run-state.ts";
import { parseGpus, SystemMonitor } from "../src/wandb/system-metrics.ts";

test("console lines are what a terminal would show: a progress bar leaves its last state", () => {
  const collector = new LineCollector();
  expect(collector.add("one\ntw")).toEqual(["one"]);
  expect(collector.add("o\r\n10%\r")).toEqual(["two"]);
  expect(collector.add("50%\r")).toEqual([]);
  expect(collector.add("100%\u001b[K\ncolor \u001b[31mred\u001b[0m\n")).toEqual([
    "100%",
    "color \u001b[31mred\u001b[0m",
  ]);
  expect(collector.add("rest")).toEqual([]);
  expect(collector.flush()).toEqual(["rest"]);
  expect(collector.flush()).toEqual([]);
});

test("a remote's address loses its user and password", () => {
  expect(withoutCredentials("https://user:token@github.com/a/b.git")).toBe("https://github.com/a/b.git");
  expect(withoutCredentials("git@github.com:a/b.git")).toBe("git@github.com:a/b.git");
});

test("nvidia-smi's numbers get W&B's names; what a card does not say is left out", () => {
  expect(parseGpus("0, 87, 40, 1000, 4000, 61, 250.5, 500\n1, 0, 0, 0, 0, [N/A], [N/A], [N/A]\n\n")).toEqual({
    "gpu.0.gpu": 87,
    "gpu.0.memory": 40,
    "gpu.0.memoryAllocated": 25,
    "gpu.0.memoryAllocatedBytes": 1000 * 2 ** 20,
    "gpu.0.temp": 61,
    "gpu.0.powerWatts": 250.5,
    "gpu.0.powerPercent": 50.1,
    "gpu.1.gpu": 0,
    "gpu.1.memory": 0,
    "gpu.1.memoryAllocatedBytes": 0,
  });
});

test("a sample of the machine has finite numbers under W&B's names", () => {
  const sample = new SystemMonitor().sample();
  expect(Object.keys(sample)).toEqual(
    expect.arrayContaining(["memory_percent", "proc.memory.rssMB", "proc.cpu.threads"]),
  );
  expect(Object.values(sample).every(Number.isFinite)).toBe(true);
});

test("an artifact's digest does not depend on the order of its files", () => {
  const files = [
    { name: "b", digest: "2" },
    { name: "a", digest: "1" },
  ];
  expect(manifestDigest(files)).toBe(manifestDigest([...files].reverse()));
  // md5 of "wandb-artifact-manifest-v1", "a:1", "b:2", a line each
  expect(manifestDigest(files)).toBe("60466c4ab0b1306240a5a89857f0ef24");
});

test("JSON has NaN and infinities, and what is undefined is left out", () => {
  expect(wandbJson({ a: Number.NaN, b: [1, Number.NEGATIVE_INFINITY], c: undefined, d: "x" })).toBe(
    '{"a":NaN,"b":[1,-Infinity],"d":"x"}',
  );
  expect(parseWandbJson("NaN")).toBeNaN();
  expect(parseWandbJson("nonsense")).toBeUndefined();
});

test("the keys of a log that someone else wrote stay keys", () => {
  const state = new RunState();
  const item = (nestedKey: string[], valueJson: string) => ({ key: "", nestedKey, valueJson });
  const update = [
    item(["__proto__", "polluted"], "1"),
    item(["constructor", "prototype", "polluted"], "2"),
    item(["a", "__proto__", "polluted"], "3"),
  ];
  const remove = [item(["__proto__", "toString"], "")];
  state.apply(create(RecordSchema, { recordType: { case: "summary", value: { update, remove } } }));
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
  expect(String({})).toBe("[object Object]");
  expect(Object.keys(state.summary)).toEqual(["__proto__", "constructor", "a"]);
});
