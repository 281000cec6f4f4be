import { expect, test } from "vitest";
import { z } from "zod";
import { optionsTarget } from "./target.ts";

const schema = z.strictObject({
  maxEpochs: z.int().min(1).optional(),
  saveTopK: z.int().default(1),
  monitor: z.unknown().optional(),
});
const target = optionsTarget(schema, (options) => options);

test("keywords in snake_case and positional arguments become camelCase options", () => {
  expect(target.optionNames).toEqual(["max_epochs", "save_top_k", "monitor"]);
  expect(target.invoke([3], { save_top_k: 2 })).toEqual({ maxEpochs: 3, saveTopK: 2 });
  expect(target.invoke([], { maxEpochs: 3 })).toEqual({ maxEpochs: 3, saveTopK: 1 });
  expect(target.invoke([], { monitor: { inner_key: 1 } })).toEqual({ saveTopK: 1, monitor: { inner_key: 1 } });
});

test("a single capital is a word of its own, as in check_val_every_n_epoch", () => {
  const { optionNames } = optionsTarget(
    z.strictObject({ checkValEveryNEpoch: z.int(), logRankZeroOnly: z.boolean() }),
    (o) => o,
  );
  expect(optionNames).toEqual(["check_val_every_n_epoch", "log_rank_zero_only"]);
});

test("what is not an option is refused with the nearest name", () => {
  expect(() => target.invoke([], { max_epoch: 1 })).toThrowErrorMatchingInlineSnapshot(`
    [CtError: unknown option 'max_epoch'
      fix: did you mean 'max_epochs'?]
  `);
  expect(() => target.invoke([1], { max_epochs: 1 })).toThrow("option 'max_epochs' is given twice");
  expect(() => target.invoke([1, 2, 3, 4], {})).toThrow("4 positional arguments given, at most 3 are taken");
});

test("the schema's complaints come back with the YAML name of the option", () => {
  expect(() => target.invoke([], { max_epochs: "ten" })).toThrowErrorMatchingInlineSnapshot(
    `[CtError: max_epochs: expected number, received "ten"]`,
  );
});
