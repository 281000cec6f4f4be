import fc from "fast-check";
import { properties } from "./fuzz-properties.ts";

// npm run fuzz -w packages/hydra [-- INPUTS [SEED]]: every property with 100,000 inputs, by default.
const [inputs = "100000", seed] = process.argv.slice(2);

for (const { name, property } of properties) {
  const start = performance.now();
  const given = seed === undefined ? {} : { seed: Number(seed) };
  const result = fc.check(property, { numRuns: Number(inputs), ...given });
  const took = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${result.failed ? "FAILED" : "ok"} ${name}: ${result.numRuns} inputs in ${took} s\n`);
  if (!result.failed) continue;
  process.stdout.write(`${fc.defaultReportMessage(result)}\n`);
  process.exitCode = 1;
}
