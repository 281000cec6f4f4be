import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RecordSchema } from "../src/proto/wandb.generated.ts";
import { manifestDigest } from "../src/wandb/artifacts.ts";
import { LineCollector } from "../src/wandb/console-capture.ts";
import { withoutCredentials } from "../src/wandb/environment.ts";
import { parseWandbJson, wandbJson } from "../src/wandb/records.ts";
import { RunState } from "../src/wandb/run-state.ts";

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
