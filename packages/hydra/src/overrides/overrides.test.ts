// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration

import { expect, test } from "vitest";
import { applyOverrides } from "../compose/apply-overrides.ts";
import { createDict, get } from "../omegaconf/index.ts";
import { Float } from "../yaml/scalars.ts";
import { OverrideParseError, parseOverride, parseOverrides, textOverride } from "./index.ts";

test("an override has a type, a key, a package and a value", () => {
  const override = parseOverride("+db/engine@backup.main={a: 1, b: [x, 'y z', 2.0]}");
  expect(override.type).toBe("ADD");
  expect(override.keyOrGroup).toBe("db/engine");
  expect(override.package).toBe("backup.main");
  expect(override.value()).toEqual(
    new Map<string, unknown>([
      ["a", 1],
      ["b", ["x", "y z", new Float(2)]],
    ]),
  );
  expect(override.valueText()).toBe("{a:1,b:[x,'y z',2.0]}");
});

test("values are typed as in Hydra: ints, floats, bools, null, text", () => {
  const value = (text: string) => parseOverride(`k=${text}`).value();
  expect(value("1_000")).toBe(1000);
  expect(value("9007199254740993")).toBe(9007199254740993n);
  expect(value("1e3")).toEqual(new Float(1000));
  expect(value("TRUE")).toBe(true);
  expect(value("NULL")).toBeNull();
  expect(value("")).toBe("");
  expect(value("'1'")).toBe("1");
  expect(value("a b")).toBe("a b");
  expect(value("${x}/y")).toBe("${x}/y");
  expect(value("a\\,b")).toBe("a,b");
});

test("sweeps list their values", () => {
  const values = (text: string) => [...parseOverride(`k=${text}`).sweepTexts(() => ["adam", "sgd", "adamw"])];
  expect(values("a,[1,2],{x:1}")).toEqual(["a", "[1,2]", "{x:1}"]);
  expect(values("range(0,1,0.25)")).toEqual(["0.0", "0.25", "0.5", "0.75"]);
  expect(values("sort(range(1,6,2),reverse=true)")).toEqual(["5", "3", "1"]);
  expect(values("glob(adam*,exclude=*w)")).toEqual(["adam"]);
  expect(values("shuffle(1,2,3)").sort()).toEqual(["1", "2", "3"]);
  expect(() => values("interval(0,1)")).toThrow(/Can only enumerate/);
});

test("a range of decimals has no rounding errors", () => {
  expect([...parseOverride("k=range(0.0,0.5,0.1)").sweepTexts()]).toEqual(["0.0", "0.1", "0.2", "0.3", "0.4"]);
});

test("an error shows the override with a caret under the column", () => {
  expect(() => parseOverrides(["a=1", "b=[1,2"])).toThrow(
    "Error when parsing index: 1, string: b=[1,2 out of ['a=1', 'b=[1,2'].\n" +
      "expected ',' or ']' (opened at column 3), found the end\n" +
      "  b=[1,2\n" +
      "        ^",
  );
});

test("all wrong overrides are reported at once", () => {
  let message = "";
  try {
    parseOverrides(["x='a", "y=1", "z=choice()"]);
  } catch (error) {
    expect(error).toBeInstanceOf(OverrideParseError);
    message = (error as Error).message;
  }
  expect(message).toContain("string: x='a");
  expect(message).toContain("string: z=choice()");
  expect(message).toContain("empty choice is not legal");
});

test("values nested without end are refused, not followed", () => {
  expect(() => parseOverride(`k=${"[".repeat(100_000)}`)).toThrow(OverrideParseError);
});

test("a range without end can be looked at, but not shuffled", () => {
  const texts = parseOverride("k=range(0,inf)").sweepTexts();
  expect([texts.next().value, texts.next().value]).toEqual(["0.0", "1.0"]);
  expect(() => parseOverride("k=shuffle(range(0,inf))").sweepTexts().next()).toThrow(/too many values/);
});

test.each(["a b/ü", "it's", 'say "x"', "C:\\new\\", "\\'", "a,b", "[1]", "$" + "{x}", ""])(
  "textOverride gives %j as it is",
  (text) => {
    const config = createDict({ k: null, x: 1 });
    applyOverrides([parseOverride(textOverride("k", text))], config);
    expect(get(config, "k")).toBe(text);
  },
);

test("what was meant as text is shown in quotes, as a shell takes it", () => {
  expect(() => parseOverrides(["data.root=my photos/ü"])).toThrow(
    `fix: quote the value, for Hydra and for the shell: "data.root='my photos/ü'"`,
  );
});
