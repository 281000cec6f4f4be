import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { CtError } from "./errors.ts";
import { getLogger, setLogSinks } from "./log.ts";
import { setOptionSpelling } from "./option-names.ts";
import { optionsTarget } from "./target.ts";

const target = optionsTarget(
  z.strictObject({ maxWidgets: z.int().optional(), checkEveryNWidgets: z.int().optional(), size: z.int().optional() }),
  () => {
    throw new CtError({
      code: "test",
      what: "maxWidgets is 3: checkEveryNWidgets: null",
      where: "maxWidgets.yaml",
      fix: "call maxWidgets(), or see widgets/maxWidgets.ts, sizeOfAll or `maxWidgets`",
    });
  },
);
const raised = () => {
  try {
    target.invoke([], {});
  } catch (error) {
    return error as CtError;
  }
  throw new TypeError("nothing was thrown");
};

afterEach(() => setOptionSpelling("camelCase"));

test("what a target complains of has the options' names of YAML, and nothing else is touched", () => {
  expect(raised().message).toBe(
    "max_widgets is 3: check_every_n_widgets: null\n  where: maxWidgets.yaml\n" +
      "  fix: call maxWidgets(), or see widgets/maxWidgets.ts, sizeOfAll or `max_widgets`",
  );
  expect(raised().problem.what).toBe("max_widgets is 3: check_every_n_widgets: null");
});

test("later messages have the spelling that the program chose", () => {
  const later = () => new CtError({ code: "test", what: "maxWidgets reached" }).message;
  const said: string[] = [];
  const restore = setLogSinks([({ message }) => void said.push(message)]);
  expect(later()).toBe("maxWidgets reached");
  setOptionSpelling("snake_case");
  expect(later()).toBe("max_widgets reached");
  getLogger("test").info("`maxWidgets=3` reached");
  restore();
  expect(said).toEqual(["`max_widgets=3` reached"]);
});
