import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { checkClipping } from "../conformance/clipping.ts";
import { checkLosses } from "../conformance/losses.ts";
import { checkOptimizers } from "../conformance/optimizers.ts";
import { checkSchedulers } from "../conformance/schedulers.ts";

// The ResNets of the recordings take half a minute: `npm run conformance` runs them too.
const golden = new URL("../../../../shared/golden/", import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, golden), "utf8"));
const isAbsent = !existsSync(golden);

test.skipIf(isAbsent)("losses, optimizers and clipping do what the recordings of PyTorch say", () => {
  const { losses, optimizers, clip_grad_norm } = read("numerics.json");
  for (const section of [checkLosses(losses), checkOptimizers(optimizers), checkClipping(clip_grad_norm)]) {
    expect(section.failures).toEqual([]);
    expect(section.passed).toBeGreaterThan(0);
  }
});

test.skipIf(isAbsent)("schedules do what the recordings of PyTorch say", () => {
  const section = checkSchedulers(read("schedulers.json"));
  expect(section.failures).toEqual([]);
  expect(section.passed).toBeGreaterThan(0);
});

test("schedules are read from the Python that describes them, whatever the schedule", () => {
  const lrs = (args: string) => ({ args, lrs: [0.1] });
  const described = [
    "PolynomialLR(total_iters=5,power=2.0)",
    "ExponentialLR(gamma=0.9)",
    "MultiStepLR(milestones=[30, 80])",
    "ReduceLROnPlateau({'mode': 'max', 'patience': 1})",
    "LambdaLR(lambda epoch: 0.5 if epoch > 3 else min(1.0, 1 / (epoch + 1)))",
    "ChainedScheduler([ExponentialLR(0.9), StepLR(3, gamma=-(-0.5))])",
  ];
  const schedules = Object.fromEntries(described.map((args, i) => [String(i), lrs(args)]));
  const section = checkSchedulers({ schedules });
  expect(section.failures).toEqual([]);
  const { failures } = checkSchedulers({ schedules: { typo: lrs("StepLR(3, gama=1)"), odd: lrs("StepLR(3") } });
  expect(failures[0]).toContain("did you mean 'gamma'?");
  expect(failures[1]).toContain("')' expected, found 'the end'");
});
