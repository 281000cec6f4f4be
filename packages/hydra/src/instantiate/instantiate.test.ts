// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { join } from "node:path";
import { optionsTarget, type Target } from "@classifier-training/base";
import { beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { create, createDict, get, select } from "../omegaconf/index.ts";
import { clearTargets, InstantiationError, instantiate, type Partial, registerTargets } from "./index.ts";

const record: Target = { invoke: (args, kwargs) => ({ args, kwargs }) };
const fixtures = join(import.meta.dirname, "../../test/fixtures");

beforeEach(() => {
  clearTargets();
  const schema = z.strictObject({ learningRate: z.number(), betas: z.array(z.number()).default([0.9, 0.999]) });
  registerTargets({ "a.Record": record, "a.Adam": optionsTarget(schema, (options) => ({ options })) });
});

test("a target gets plain values, whatever _convert_ says", async () => {
  const config = create("_target_: a.Record\nx: {y: [1, 2.0]}\nz: ${x.y}\n");
  expect(await instantiate(config)).toEqual({ args: [], kwargs: { x: { y: [1, 2] }, z: [1, 2] } });
});

test("snake_case keys reach a schema as camelCase options", async () => {
  const made = await instantiate(create("_target_: a.Adam\nlearning_rate: 1e-3\nbetas: [0.9, 0.95]\n"));
  expect(made).toEqual({ options: { learningRate: 0.001, betas: [0.9, 0.95] } });
});

test("an unknown key is refused with the nearest name, its full key and its file", async () => {
  const config = create("opt:\n  _target_: a.Adam\n  learning_rat: 1\n", { file: "/conf/train.yaml" });
  const failure = await instantiate(select(config, "opt")).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(InstantiationError);
  expect((failure as InstantiationError).fullKey).toBe("opt");
  expect((failure as Error).message).toMatchInlineSnapshot(`
    "in the call of 'a.Adam': unknown option 'learning_rat'
      where: key 'opt', /conf/train.yaml:2
      fix: did you mean 'learning_rate'?"
  `);
});

test("an unknown target is refused with the nearest name", async () => {
  await expect(instantiate(create("m: {_target_: a.Recrod}"))).rejects.toThrowErrorMatchingInlineSnapshot(`
    [InstantiationError: there is no target 'a.Recrod'
      where: key 'm'
      fix: did you mean 'a.Record'?]
  `);
});

test("a namespace is loaded when one of its names is first used", async () => {
  let loads = 0;
  registerTargets("lazy.pkg", () => {
    loads++;
    return { "lazy.pkg.Thing": record };
  });
  expect(loads).toBe(0);
  await instantiate({ _target_: "lazy.pkg.Thing" });
  await instantiate({ _target_: "lazy.pkg.Thing" });
  expect(loads).toBe(1);
});

test("objects given as overrides pass through untouched", async () => {
  const given = new Map([["k", new Date(0)]]);
  class Loader {}
  const loader = new Loader();
  const made = await instantiate(create("_target_: a.Record\nd: null"), { d: loader, f: Math.max });
  expect(made).toEqual({ args: [], kwargs: { d: loader, f: Math.max } });
  expect(given.size).toBe(1);
});

test("nested objects are made first and handed on as they are", async () => {
  registerTargets({ "a.Map": { invoke: () => new Map([[1, 2]]) } });
  const made = (await instantiate(create("_target_: a.Record\nm: {_target_: a.Map}\nl: [{_target_: a.Map}]"))) as {
    kwargs: Record<string, unknown>;
  };
  expect(made.kwargs["m"]).toBeInstanceOf(Map);
  expect((made.kwargs["l"] as unknown[])[0]).toBeInstanceOf(Map);
});

test("a mapping without target gives its parts by name", async () => {
  const made = await instantiate(create("a: {_target_: a.Record, x: 1}\nb: 2"));
  expect(get(createDict(made), "b")).toBe(2);
  expect(get(made as never, "a")).toEqual({ args: [], kwargs: { x: 1 } });
});

test("_partial_ gives a function that takes the rest", async () => {
  const partial = (await instantiate(create("_target_: a.Record\n_partial_: true\nlr: 1"))) as Partial;
  expect(partial("params")).toEqual({ args: ["params"], kwargs: { lr: 1 } });
  expect(partial.with({ lr: 2, x: 3 })()).toEqual({ args: [], kwargs: { lr: 2, x: 3 } });
});

test("interpolations see overrides", async () => {
  const root = createDict("n: 1\nm: {_target_: a.Record, x: '${.y}', y: 5, z: '${n}'}");
  expect(await instantiate(get(root, "m"), { y: 7 })).toEqual({ args: [], kwargs: { x: 7, y: 7, z: 1 } });
});

test("a file target is found beside the configuration file that names it", async () => {
  const config = create("_target_: ./widgets.ts#Widget\n_args_: [1]\nmax_size: 2\n", {
    file: join(fixtures, "x.yaml"),
  });
  expect(((await instantiate(config)) as { args: unknown }).args).toEqual([1, { maxSize: 2 }]);
});

test("a file target may be a function, a static method, or a class with a schema", async () => {
  const from = { file: join(fixtures, "x.yaml") };
  const make = (text: string) => instantiate(create(text, from));
  expect(await make("_target_: ./widgets.ts#add\n_args_: [1, 2]\n")).toBe(3);
  expect(await make("_target_: ./widgets.ts#later\n")).toBe("later");
  expect(await make("_target_: ./widgets.ts#Widget.build\nsize: 1\n")).toBe('built {"size":1}');
  expect(await make("_target_: ./widgets.ts#Strict\nlearning_rate: 3\n")).toMatchObject({
    options: { learningRate: 3 },
  });
  await expect(make("_target_: ./widgets.ts#Strict\nlearning_rat: 3\n")).rejects.toThrow(
    "did you mean 'learning_rate'?",
  );
  await expect(make("_target_: ./widgets.ts#Wigdet\n")).rejects.toThrow("did you mean 'Widget'?");
  await expect(make("_target_: ./nothing.ts#X\n")).rejects.toThrow("the file of a target does not exist");
});

test("nothing is imported that is not named as ./file#Name", async () => {
  for (const name of ["node:fs.rmSync", "fs#rmSync", "fs", "os.system", "file:///etc/passwd#x", "lodash"]) {
    await expect(instantiate({ _target_: name })).rejects.toThrow(`there is no target '${name}'`);
  }
});
