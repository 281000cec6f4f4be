import { expect, test, vi } from "vitest";
import { checks, recordingsFolder, replay } from "../conformance/recordings.ts";
import { checkSchedulers } from "../conformance/schedulers.ts";

vi.setConfig({ testTimeout: 300_000 });

// The ResNets take half a minute.
test.each(Object.keys(checks))("what %s records of PyTorch is reproduced", { timeout: 300_000 }, (file) => {
  const sections = replay(recordingsFolder, file) ?? [];
  expect(sections.flatMap(({ failures }) => failures)).toEqual([]);
  expect(sections.length).toBeGreaterThan(0);
  for (const { passed } of sections) expect(passed).toBeGreaterThan(0);
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
