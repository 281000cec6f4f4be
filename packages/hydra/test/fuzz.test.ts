import fc from "fast-check";
import { test } from "vitest";
import { properties } from "./fuzz-properties.ts";

test.each(properties)("$name", ({ property }) => {
  fc.assert(property, { numRuns: 2_000 });
});
