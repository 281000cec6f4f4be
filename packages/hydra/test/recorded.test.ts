import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CtError, type Target } from "@classifier-training/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  compose,
  create,
  fromDotlist,
  initializeConfigDir,
  instantiate,
  isConfig,
  merge,
  parseOverride,
  pythonRepr,
  registerResolver,
  registerTargets,
  toContainer,
  toRaw,
  toYaml,
  update,
} from "../src/index.ts";

// What Hydra 1.3.5 and OmegaConf 2.2.2 of Python did: fixtures/recorded/record.py has the inputs and records anew.

interface Outcome {
  readonly error?: string;
  readonly [field: string]: unknown;
}
interface Recorded {
  readonly environment: Readonly<Record<string, string>>;
  readonly tree: Readonly<Record<string, string>>;
  readonly documents: readonly (Outcome & { text: string })[];
  readonly merges: readonly (Outcome & { inputs: readonly string[] })[];
  readonly dotlists: readonly (Outcome & { dotlist: readonly string[] })[];
  readonly updates: readonly (Outcome & { text: string; key: string; to: unknown })[];
  readonly interpolations: readonly (Outcome & { text: string })[];
  readonly overrides: readonly (Outcome & { text: string })[];
  readonly compositions: readonly (Outcome & { config: string; overrides: readonly string[] })[];
  readonly instantiations: readonly (Outcome & { text: string })[];
}

const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures/recorded/recorded.json"), "utf8"),
) as Recorded;

class Made {
  readonly text: string;

  constructor(name: string, args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>) {
    const named = Object.entries(kwargs).map(([key, value]) => `${key}=${shown(value)}`);
    this.text = `${name}(${[...args.map(shown), ...named].join(", ")})`;
  }
}

/** As Python's `repr`, with what was made in it. */
function shown(value: unknown): string {
  if (value instanceof Made) return value.text;
  if (isConfig(value)) return shown(toContainer(value));
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${pythonRepr(key)}: ${shown(item)}`)
      .join(", ")}}`;
  }
  return pythonRepr(value);
}

const maker = (name: string): Target => ({ invoke: (args, kwargs) => new Made(name, args, kwargs) });

let folder = "";
const before = { ...process.env };
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hydra-recorded-"));
  for (const [path, text] of Object.entries(recorded.tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  Object.assign(process.env, recorded.environment);
  registerResolver("rec.plus", (a: number, b: number) => a + b);
  registerResolver("rec.list", (...args: readonly unknown[]) => args);
  registerTargets({
    "rec.Thing": maker("Thing"),
    "rec.Other": maker("Other"),
    "rec.function": maker("function"),
    "rec.fails": {
      invoke() {
        throw new TypeError("boom");
      },
    },
  });
});
afterAll(() => {
  process.env = before;
  rmSync(folder, { recursive: true, force: true });
});

/** Runs all cases of a section: what fails in Python must fail, the rest must give the same in each of the fields. */
async function sameAs<Case extends Outcome>(
  cases: readonly Case[],
  fields: readonly string[],
  run: (input: Case) => Outcome | Promise<Outcome>,
): Promise<void> {
  const differences: unknown[] = [];
  for (const input of cases) {
    let actual: Outcome;
    try {
      actual = await run(input);
    } catch (error) {
      if (!CtError.is(error)) throw error;
      actual = { error: error.message };
    }
    const bothFail = input.error !== undefined && actual.error !== undefined;
    const isSame = fields.every((field) => JSON.stringify(input[field]) === JSON.stringify(actual[field]));
    if (!bothFail && !(isSame && actual.error === undefined)) differences.push({ recorded: input, actual });
  }
  expect(differences).toEqual([]);
}

test("YAML is read as PyYAML with OmegaConf's rules reads it, and written as it writes it", () =>
  sameAs(recorded.documents, ["value", "yaml"], ({ text }) => {
    const config = create(text);
    return { value: pythonRepr(toRaw(config)), yaml: toYaml(config) };
  }));

test("configurations merge as OmegaConf.merge merges them", () =>
  sameAs(recorded.merges, ["yaml"], ({ inputs }) => {
    const [first, ...rest] = inputs.map((text) => create(text));
    return { yaml: toYaml(merge(first as ReturnType<typeof create>, ...rest)) };
  }));

test("dotlists are read as OmegaConf.from_dotlist reads them", () =>
  sameAs(recorded.dotlists, ["yaml"], ({ dotlist }) => ({ yaml: toYaml(fromDotlist(dotlist)) })));

test("values are changed as OmegaConf.update changes them", () =>
  sameAs(recorded.updates, ["yaml"], ({ text, key, to }) => {
    const config = create(text);
    update(config, key, to);
    return { yaml: toYaml(config) };
  }));

test("interpolations resolve as in OmegaConf", () =>
  sameAs(recorded.interpolations, ["value"], ({ text }) => ({
    value: pythonRepr(toRaw(create(text), { resolve: true })),
  })));

test("overrides are parsed as by Hydra's grammar", () =>
  sameAs(recorded.overrides, ["type", "key", "package", "value", "sweep", "values"], ({ text }) => {
    const override = parseOverride(text);
    const { type, keyOrGroup: key, package: found = null, valueType } = override;
    if (!override.isSweep) return { type, key, package: found, value: pythonRepr(override.value()) };
    const isListed = override.isDiscreteSweep && valueType !== "GLOB_CHOICE_SWEEP" && !text.includes("shuffle");
    const values = isListed ? [...override.sweepTexts()] : undefined;
    return { type, key, package: found, sweep: valueType, values };
  }));

test("configurations are composed as by Hydra", () =>
  sameAs(recorded.compositions, ["yaml"], ({ config, overrides }) => {
    using _ = initializeConfigDir(folder);
    return { yaml: toYaml(compose({ configName: config, overrides })) };
  }));

test("objects are instantiated as by Hydra", () =>
  sameAs(recorded.instantiations, ["made"], async ({ text }) => ({ made: shown(await instantiate(create(text))) })));

test("the recording has hundreds of cases", () => {
  const sections = Object.values(recorded).filter((section) => Array.isArray(section));
  expect(sections.flat().length).toBeGreaterThan(400);
});
