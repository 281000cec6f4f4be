// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { floatRepr } from "@classifier-training/base";
import { describe, expect, test } from "vitest";
import { emitYaml } from "./emit.ts";
import { YamlError } from "./errors.ts";
import { type Loaded, loadYaml } from "./load.ts";
import { Float } from "./scalars.ts";

function plain(loaded: Loaded | undefined): unknown {
  if (loaded === undefined) return undefined;
  if (loaded.kind === "scalar") return loaded.value;
  if (loaded.kind === "list") return loaded.items.map(plain);
  return new Map(loaded.entries.map(({ key, value }) => [key, plain(value)]));
}

const value = (text: string) => (plain(loadYaml(`v: ${text}`)) as Map<string, unknown>).get("v");

function failure(text: string): YamlError {
  try {
    loadYaml(text, "conf/x.yaml");
  } catch (error) {
    if (error instanceof YamlError) return error;
  }
  throw new TypeError(`expected a YamlError for ${text}`);
}

describe("scalars", () => {
  test.each([
    ["yes", true],
    ["Off", false],
    ["010", 8],
    ["0x1F", 31],
    ["1_000", 1000],
    ["1:30", 90],
    ["1e3", new Float(1000)],
    ["1.0", new Float(1)],
    ["-0.0", new Float(-0)],
    [".5", 0.5],
    ["1.5e-3", 0.0015],
    [".inf", Number.POSITIVE_INFINITY],
    ["~", null],
    ["", null],
    ["2020-01-01", "2020-01-01"],
    ["0o7", "0o7"],
    ["'1'", "1"],
    ["!!str 1", "1"],
    ["!!float 1", new Float(1)],
    ["9007199254740993", 9007199254740993n],
    ["${a.b} c", "${a.b} c"],
  ])("%s is read as PyYAML reads it", (text, expected) => {
    expect(value(text)).toEqual(expected);
  });

  test("not a number is a float", () => expect(value(".nan")).toBeNaN());

  test.each([
    [1, "1.0"],
    [1e16, "1e+16"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1e15, "1000000000000000.0"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [5e-324, "5e-324"],
    [-1.5, "-1.5"],
  ])("the text of the float %d is Python's", (number, text) => expect(floatRepr(number)).toBe(text));
});

describe("structure", () => {
  test("anchors, aliases and merge keys", () => {
    const loaded = plain(loadYaml("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\nc: *x\n")) as Map<string, unknown>;
    expect(loaded.get("b")).toEqual(
      new Map([
        ["k", 1],
        ["l", 3],
      ]),
    );
    expect(loaded.get("c")).toEqual(
      new Map([
        ["k", 1],
        ["l", 2],
      ]),
    );
  });

  test("block scalars, folded lines and escapes", () => {
    expect(value('"a\\tb\\u00e9\\\n  c"')).toBe("a\tbéc");
    expect(value("|+\n  x\n   y\n\n")).toBe("x\n y\n\n");
    expect(value(">-\n  x\n  y\n\n  z\n")).toBe("x y\nz");
    expect(value("plain\n  continues\n\n  here")).toBe("plain continues\nhere");
  });

  test("keys that are equal in Python are one key", () => {
    expect(plain(loadYaml("1: a\ntrue: b\n1.0: c\n"))).toEqual(new Map([[1, "c"]]));
  });

  test("an empty text has no document", () => expect(loadYaml("# nothing\n")).toBeUndefined());
});

describe("refusals", () => {
  test.each([
    ["a: 1\nb: 2\na: 3\n", 3, "the key 'a' is given twice"],
    ["a: b: c\n", 1, "mapping values are not allowed here"],
    ["a: [1, 2\n", 2, "expected ',' or ']'"],
    ["a:\n\tb: 1\n", 2, "a tab cannot start a value"],
    ["a: *x\n", 1, "found the undefined alias '*x'"],
    ["a: 'x\n", 1, "a quoted scalar does not end"],
    ["a: @b\n", 1, "'@' cannot start a value"],
    ["[a]: 1\n", 1, "a list or a mapping cannot be a key"],
    ["a: 1\n---\nb: 2\n", 2, "expected a single document, but another one begins"],
    ["a: !!python/object:os.system x\n", 1, "cannot read 'x' as tag:yaml.org,2002:python/object:os.system"],
    ["a: &x [*x]\n", 1, "an alias stands within the value that it names"],
  ])("%j is refused at its line", (text, line, what) => {
    const error = failure(text);
    expect(error.problem.what).toBe(what);
    expect(error.line).toBe(line);
    expect(error.message).toContain(`conf/x.yaml, line ${line}`);
  });

  test("an interpolation in a flow mapping gets a hint", () => {
    expect(failure("a: {b: ${c}}").problem.fix).toBe("put quotes around a value with an interpolation: '${...}'");
  });

  test("aliases cannot blow a document up", () => {
    const lines = Array.from(
      { length: 12 },
      (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1}, *a${i - 1}, *a${i - 1}` : "x"}]`,
    );
    expect(failure(lines.join("\n")).problem.what).toContain("aliases expand the document");
  });

  test("very deep nesting is refused, not a stack overflow", () => {
    expect(failure("[".repeat(100_000)).problem.what).toContain("nesting is deeper");
  });
});

describe("writing", () => {
  test.each([
    ["yes", "v: 'yes'\n"],
    ["1e3", "v: '1e3'\n"],
    ["12", "v: '12'\n"],
    ["n", "v: 'n'\n"],
    ["a: b", "v: 'a: b'\n"],
    ["a #b", "v: 'a #b'\n"],
    ["", "v: ''\n"],
    ["a\tb", 'v: "a\\tb"\n'],
    ["a\nb", "v: 'a\n\n  b'\n"],
    ["é ü", "v: é ü\n"],
    ["😀", 'v: "\\U0001F600"\n'],
    ["${a}", "v: ${a}\n"],
    ["???", "v: ???\n"],
    [null, "v: null\n"],
    [new Float(1), "v: 1.0\n"],
    [1e-7, "v: 1.0e-07\n"],
    [[], "v: []\n"],
    [[[1, [2]], new Map([["a", 1]])], "v:\n- - 1\n  - - 2\n- a: 1\n"],
  ])("%j is written as PyYAML writes it", (given, text) => {
    expect(emitYaml(new Map([["v", given]]))).toBe(text);
  });

  test("long text is folded after column 80", () => {
    const text = "word ".repeat(30).trim();
    const [first = "", second = ""] = emitYaml({ v: text }).split("\n");
    expect(first.length).toBeGreaterThan(80);
    expect(second.startsWith("  word")).toBe(true);
  });

  test("keys are sorted where they can be compared", () => {
    expect(emitYaml({ b: 1, a: 2 }, { sortKeys: true })).toBe("a: 2\nb: 1\n");
    expect(
      emitYaml(
        new Map<unknown, unknown>([
          ["b", 1],
          [1, 2],
        ]),
        { sortKeys: true },
      ),
    ).toBe("b: 1\n1: 2\n");
  });
});
