import fc from "fast-check";
import { expect, test } from "vitest";
import { properties } from "./fuzz-properties.ts";

test.each(properties)("$name", ({ property }) => {
  const details = fc.check<unknown[]>(property, { numRuns: 2_000 });
  expect(fc.defaultReportMessage(details)).toBeUndefined();
});
