// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { setLogSinks } from "@classifier-training/base";
import { afterEach, describe, expect, test } from "vitest";
import {
  ConfigAttributeError,
  type Container,
  clearResolvers,
  create,
  createDict,
  type DictConfig,
  entries,
  explain,
  get,
  items,
  type ListConfig,
  MissingMandatoryValue,
  merge,
  mergeWith,
  missingKeys,
  openDict,
  ReadonlyConfigError,
  registerContextResolver,
  registerResolver,
  resolve,
  select,
  setReadonly,
  setStruct,
  toContainer,
  toYaml,
  trackReads,
  unusedLeaves,
  update,
  withOrigin,
} from "./index.ts";

afterEach(clearResolvers);

const resolved = (config: Container) => toContainer(config, { resolve: true });

describe("reading", () => {
  const config = createDict("a: {b: [1, 2.0, '${...n}']}\nn: null\nm: ???\n", { file: "/conf/c.yaml" });

  test("get reads one key, select a path, both resolved", () => {
    expect(items(get(get(config, "a") as DictConfig, "b") as ListConfig)).toEqual([1, 2, null]);
    expect(select(config, "a.b[1]")).toBe(2);
    expect(select(config, "a.b.-1")).toBe(null);
    expect(entries(get(config, "a") as DictConfig)).toHaveLength(1);
  });

  test("what is not there gives the default; what is missing throws, with its place", () => {
    expect(get(config, "zz", 5)).toBe(5);
    expect(get(config, "m", 5)).toBe(5);
    expect(select(config, "a.zz", { default: 7 })).toBe(7);
    expect(() => get(config, "m")).toThrow(MissingMandatoryValue);
    expect(() => get(config, "m")).toThrow("key 'm', /conf/c.yaml:3");
    expect(() => toContainer(config, { throwOnMissing: true })).toThrow("set it: m=...");
    expect(missingKeys(create("a: ???\nb: ${a}\nc: x${b}\nl: ['???']"))).toEqual(new Set(["a", "b", "c", "l[0]"]));
  });

  test("a key named __proto__ is a key like any other", () => {
    const plain = toContainer(create("__proto__: {x: 1}")) as Record<string, unknown>;
    expect(Object.keys(plain)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(plain)).toBe(Object.prototype);
  });
});

describe("interpolation", () => {
  test("is lazy: a later change is seen", () => {
    const config = create("a: 1\nb: x${a}");
    update(config, "a", 2);
    expect(select(config, "b")).toBe("x2");
  });

  test("names the nearest path when a key is not there", () => {
    const config = create("model: {lr: 1}\nrun: ${model.lrr}", { file: "c.yaml" });
    expect(() => select(config, "run")).toThrowErrorMatchingInlineSnapshot(`
      [InterpolationKeyError: cannot resolve '\${model.lrr}': the key 'model.lrr' is not there
        where: key 'run', c.yaml:2
        fix: did you mean 'model.lr'?]
    `);
  });

  test.each(["a: ${b}\nb: ${a}", "a: ${a}", "a: ${.}", "a: ${oc.select:a}", "a: {b: ${a}}".replace("${a}", "'${a}'")])(
    "a cycle is an error, not a stack overflow: %s",
    (text) => expect(() => resolved(create(text))).toThrow(),
  );

  test("a malformed one is refused when it is set, with the column", () => {
    const config = create("a: 1");
    expect(() => update(config, "a", "${b c}")).toThrow("expected '}' or ':' at column 4 of '${b c}'");
  });

  test("in place: resolve replaces them all", () => {
    const config = create("a: 1\nb: ${a}\nc: '${d}'\nd: {e: '${b}', f: '${oc.decode:\"[1, 2]\"}'}");
    resolve(config);
    update(config, "a", 9);
    expect(toContainer(config)).toEqual({ a: 9, b: 1, c: { e: 1, f: [1, 2] }, d: { e: 1, f: [1, 2] } });
  });
});

describe("resolvers", () => {
  test("get plain values, and may return objects", () => {
    registerResolver("kinds", (...args: unknown[]) => args.map((arg) => typeof arg));
    registerResolver("pair", (a: unknown, b: unknown) => ({ a, b }));
    const config = create("k: '${kinds:1,1.0,x,null,[1],{a: 1}}'\np: ${pair:1.0,[true]}");
    expect(resolved(config)).toEqual({
      k: ["number", "number", "string", "object", "object", "object"],
      p: { a: 1, b: [true] },
    });
  });

  test("with a cache are called once for the same arguments", () => {
    let calls = 0;
    registerResolver("count", () => ++calls, { useCache: true });
    expect(resolved(create("a: ${count:x}\nb: ${count:x}\nc: ${count:y}"))).toEqual({ a: 1, b: 1, c: 2 });
  });

  test("may know where they are called from", () => {
    registerContextResolver("here", (_, { node, parent }) => `${node.fullKey()} in ${parent.fullKey()}`);
    expect(select(create("a: {b: '${here:}'}"), "a.b")).toBe("a.b in a");
  });

  test("an unknown one is refused with the nearest name", () => {
    expect(() => select(create("a: ${oc.evn:X}"), "a")).toThrow("did you mean 'oc.env'?");
    expect(() => registerResolver("oc.env", () => 1)).toThrow("already registered");
  });

  test("oc.deprecated warns with both keys", () => {
    const said: string[] = [];
    const restore = setLogSinks([({ message }) => said.push(message)]);
    try {
      expect(select(create("old: ${oc.deprecated:new}\nnew: 3"), "old")).toBe(3);
    } finally {
      restore();
    }
    expect(said).toEqual(["'old' is deprecated. Change your code and config to use 'new'"]);
  });
});

describe("merging and flags", () => {
  test("mappings merge, lists and values replace, missing values do not", () => {
    const merged = merge(create("a: {x: 1, y: 2}\nl: [1, 2]\nv: 1"), { a: { y: 3 }, l: [9], v: "???" }, create("n: 1"));
    expect(toContainer(merged)).toEqual({ a: { x: 1, y: 3 }, l: [9], v: 1, n: 1 });
  });

  test("a list does not merge into a mapping", () => {
    expect(() => merge(create("a: {b: 1}"), { a: [1] })).toThrow("a list cannot be merged into a mapping");
  });

  test("a struct refuses new keys with the nearest one, until it is opened", () => {
    const config = createDict("learning_rate: 1\nm: {k: 1}");
    setStruct(config, true);
    expect(() => update(config, "learning_rat", 2)).toThrow(ConfigAttributeError);
    expect(() => update(config, "learning_rat", 2)).toThrow("did you mean 'learning_rate'?");
    expect(() => mergeWith(config, { m: { z: 1 } })).toThrow("key 'm.z'");
    openDict(config, () => update(config, "new", 1));
    expect(select(config, "new")).toBe(1);
  });

  test("a read-only configuration refuses every change", () => {
    const config = createDict("a: {b: [1]}");
    setReadonly(config, true);
    for (const change of [
      () => update(config, "a.b[0]", 2),
      () => (select(config, "a.b") as ListConfig).append(1),
      () => config.delete("a"),
      () => mergeWith(config, { a: 1 }),
    ]) {
      expect(change).toThrow(ReadonlyConfigError);
    }
    expect(toContainer(merge(config, { a: 1 }))).toEqual({ a: 1 });
  });

  test("lists can be appended to, inserted into and deleted from", () => {
    const list = create("[a, b]") as ListConfig;
    list.append("c");
    list.insert(0, { x: "${..1}" });
    list.delete(2);
    expect(resolved(list)).toEqual([{ x: "a" }, "a", "c"]);
    expect(list.node(2)?.fullKey()).toBe("[2]");
  });
});

describe("provenance", () => {
  test("a value knows where it comes from and what it replaced", () => {
    const base = create("lr: 1\nout: run${lr}\n", { file: "/conf/a.yaml" });
    const config = merge(base, create("\nlr: 2\n", { file: "/conf/b.yaml" }));
    update(config, "lr", 3, { origin: { kind: "override", source: "lr=3" } });
    const explained = explain(config, "lr");
    expect(explained).toMatchObject({ value: 3, origin: { kind: "override", source: "lr=3" } });
    expect(explained?.replaced.map(({ source, line }) => `${source}:${line}`)).toEqual([
      "/conf/a.yaml:1",
      "/conf/b.yaml:2",
    ]);
    expect(explain(config, "out")).toMatchObject({
      resolved: "run3",
      origin: { source: "/conf/a.yaml", line: 2 },
      uses: [{ fullKey: "lr" }],
    });
    expect(explain(config, "nope")).toBeUndefined();
    expect(withOrigin({ kind: "code", source: "test" }, () => create({ a: 1 })).node("a" as never)?.origin?.kind).toBe(
      "code",
    );
  });

  test("reads are tracked, printing is not a read", () => {
    const config = createDict("a: 1\nb: {c: 2, d: 3}\ne: ${b.c}\nunused: 4\nm: ???");
    const tracker = trackReads();
    toYaml(config, { resolve: true });
    get(config, "a");
    select(config, "e");
    tracker.stop();
    get(config, "unused");
    expect(unusedLeaves(config, tracker.keys).map((node) => node.fullKey())).toEqual(["b.d", "unused"]);
  });
});

test("secrets are masked when a configuration is printed, references to them are not", () => {
  const config = create({
    api_key: "k",
    hub_token: 12,
    db: { password: "p", password_file: null, user: "u" },
    tokens: ["a", "b"],
    from_env_key: "${oc.env:API_KEY}",
    keyword: "kept",
  });
  expect(toYaml(config, { maskSecrets: true })).toMatchInlineSnapshot(`
    "api_key: '***'
    hub_token: 12
    db:
      password: '***'
      password_file: null
      user: u
    tokens:
    - '***'
    - '***'
    from_env_key: \${oc.env:API_KEY}
    keyword: kept
    "
  `);
});
