import { expect, test } from "vitest";
import { z } from "zod";
import { CtError } from "./errors.ts";
import { parseOptions } from "./options.ts";
import { optionsTarget } from "./target.ts";

const schema = z.strictObject({
  maxEpochs: z.int().min(1).default(10),
  mode: z.enum(["min", "max"]).optional(),
  lr: z.number().gt(0).max(1).optional(),
  limit: z.union([z.number().min(0), z.boolean(), z.strictObject({ batchCount: z.int() })]).optional(),
  weights: z.record(z.string(), z.number()).optional(),
  stages: z
    .array(z.strictObject({ unfreezeAt: z.int() }).or(z.string()))
    .min(1)
    .optional(),
  kernel: z
    .number()
    .refine((value) => value % 2 === 1, "must be an odd number")
    .optional(),
});

function refused(run: () => unknown): CtError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CtError);
    return error as CtError;
  }
  throw new TypeError("nothing was thrown");
}

const inTypeScript = (options: unknown) => refused(() => parseOptions("Thing", schema, options));
const inYaml = (options: Record<string, unknown>) => refused(() => optionsTarget(schema, (o) => o).invoke([], options));

test.each<[string, Record<string, unknown>, string]>([
  ["a type", { maxEpochs: "ten" }, 'maxEpochs: expected number, received "ten"'],
  ["an integer", { maxEpochs: 1.5 }, "maxEpochs: expected integer, received 1.5"],
  ["a minimum", { maxEpochs: 0 }, "maxEpochs: expected number >= 1, received 0"],
  ["an exclusive minimum", { lr: 0 }, "lr: expected number > 0, received 0"],
  ["a maximum", { lr: 2 }, "lr: expected number <= 1, received 2"],
  ["a choice", { mode: "mean" }, 'mode: expected one of "min", "max", received "mean"'],
  ["alternatives", { limit: "all" }, 'limit: expected number, boolean or object, received "all"'],
  ["an entry", { weights: { a: null } }, "weights.a: expected number, received null"],
  ["no items", { stages: [] }, "stages: expected array of at least 1 item, received []"],
  ["a refinement", { kernel: 2 }, "kernel: expected an odd number, received 2"],
  ["an instance", { mode: new Date(0) }, 'mode: expected one of "min", "max", received an instance of Date'],
])("a wrong option says what was expected and what was received: %s", (_, options, message) => {
  expect(inTypeScript(options).message).toBe(`Thing: ${message}`);
});

test("several invalid options are reported together", () => {
  expect(inTypeScript({ maxEpochs: 0, lr: "x" }).message).toBe(
    'Thing: maxEpochs: expected number >= 1, received 0; lr: expected number, received "x"',
  );
});

test("options are named as their user writes them", () => {
  expect(inYaml({ max_epochs: 0 }).message).toBe("max_epochs: expected number >= 1, received 0");
  expect(inYaml({ stages: [{ unfreeze_at: "x" }] }).message).toMatch(/^stages\.0: expected .* at 'unfreeze_at'/);
});

test("an unknown option comes with the nearest known one, at every depth", () => {
  const nested = z.strictObject({ sampler: z.strictObject({ classWeights: z.number().optional() }).optional() });
  expect(refused(() => parseOptions("Data", nested, { sampler: { classWeight: 1 } })).message).toBe(
    "Data: unknown option 'sampler.classWeight'\n  fix: did you mean 'classWeights'?",
  );
  const target = optionsTarget(nested, (options) => options);
  expect(refused(() => target.invoke([], { sampler: { class_weight: 1 } })).message).toBe(
    "unknown option 'sampler.class_weight'\n  fix: did you mean 'class_weights'?",
  );
});

test("snake_case keys are the schema's at every depth, and the keys of other mappings stay", () => {
  const { invoke } = optionsTarget(schema, (options) => options);
  const given = {
    limit: { batch_count: 3 },
    weights: { class_one: 1, classTwo: 2 },
    stages: [{ unfreeze_at: 1 }, "rest"],
  };
  expect(invoke([], given)).toEqual({
    maxEpochs: 10,
    limit: { batchCount: 3 },
    weights: { class_one: 1, classTwo: 2 },
    stages: [{ unfreezeAt: 1 }, "rest"],
  });
  expect(refused(() => invoke([], { limit: { batch_count: 3, batchCount: 4 } })).message).toContain("is given twice");
});

test("the error is the caller's, with zod's as its cause", () => {
  const made = refused(() =>
    parseOptions("", schema, null, (problem) => new CtError({ code: "mine", ...problem, where: "file.json" })),
  );
  expect(made).toMatchObject({ code: "mine", message: "expected object, received null\n  where: file.json" });
  expect(made.cause).toBeInstanceOf(z.core.$ZodError);
});
