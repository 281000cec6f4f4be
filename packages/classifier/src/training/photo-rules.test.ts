import { describe, expect, test } from "vitest";
import { decisionTable } from "./decision-table.ts";
import { decidePhotos, type PhotoFacts } from "./photo-rules.ts";

const machines = {
  "two cores": { cores: 2, memoryGb: 8, gpu: false, bfloat16: false },
  "two cores with bfloat16": { cores: 2, memoryGb: 8, gpu: false, bfloat16: true },
  "one core, 2 GB": { cores: 1, memoryGb: 2, gpu: false, bfloat16: false },
  "a GPU": { cores: 16, memoryGb: 64, gpu: true, bfloat16: true },
};

function photos(samples: number, classes: number, side: number, ratio = 1): PhotoFacts["data"] {
  const largest = Math.round(samples / classes);
  return {
    samples,
    validationSamples: Math.ceil(samples / 5),
    classes,
    smallest: Math.round(largest / ratio),
    largest,
    side,
  };
}

const data = {
  "hand signs": photos(1650, 10, 100),
  "20 a class": photos(160, 10, 100),
  "a camera's": photos(40_000, 20, 3000),
  icons: photos(5000, 10, 32),
  "a long tail": photos(10_000, 100, 400, 40),
};

type Machine = keyof typeof machines;
type Data = keyof typeof data;

function decide(machine: Machine, photos: Data, given: Readonly<Record<string, unknown>> = {}, more = {}) {
  const facts = { machine: machines[machine], data: data[photos], weights: false, ...more };
  const all = { model: "resnet18", ...given };
  const decisions = decidePhotos(facts, (key) => (all as Record<string, unknown>)[key]);
  return { decisions, values: Object.fromEntries(decisions.map(({ key, value }) => [key.split(".").at(-1), value])) };
}

describe("the rules, on machines and data", () => {
  test.each<[Machine, Data, Readonly<Record<string, unknown>>, object]>([
    ["two cores", "hand signs", { precision: "32-true", num_workers: 1, batch_size: 32 }, {}],
    [
      "two cores with bfloat16",
      "hand signs",
      { precision: "bf16-mixed", image_size: 96, width: 32, pretrained: false },
      {},
    ],
    ["two cores with bfloat16", "hand signs", { pretrained: true, image_size: 128 }, { weights: true }],
    ["two cores with bfloat16", "20 a class", { batch_size: 16, image_size: 96 }, {}],
    ["one core, 2 GB", "a camera's", { num_workers: 0, image_size: 64, use_cache: false, batch_size: 64 }, {}],
    ["a GPU", "a camera's", { precision: "16-mixed", num_workers: 8, image_size: 224, batch_size: 128 }, {}],
    ["two cores", "icons", { image_size: 64, batch_size: 64 }, {}],
    ["a GPU", "icons", { image_size: 32, stem: "small" }, {}],
    ["a GPU", "a long tail", { class_weights: "effective" }, {}],
  ])("%s, %s", (machine, photos, expected, more) => {
    expect(decide(machine, photos, {}, more).values).toMatchObject(expected);
  });
});

test("few images have more epochs than many, published weights fewer than none", () => {
  const epochs = (photos: Data, weights: boolean) =>
    Number(decide("two cores", photos, {}, { weights }).values["max_epochs"]);
  expect(epochs("20 a class", false)).toBeGreaterThan(epochs("hand signs", false));
  expect(epochs("hand signs", false)).toBeGreaterThan(epochs("a camera's", false));
  expect(epochs("hand signs", true)).toBeLessThan(epochs("hand signs", false));
});

test("photos that are seen often are mixed, and strong augmentation is for long trainings", () => {
  const strong = (photos: Data, epochs: number) =>
    decide("a GPU", photos, { "trainer.max_epochs": epochs, "transforms.flip": false }).decisions.filter(({ key }) =>
      key.startsWith("transforms."),
    );
  expect(strong("hand signs", 60)).toEqual([]);
  const mixed = [["transforms.mix", 1]];
  const keys = (photos: Data, epochs: number) => strong(photos, epochs).map(({ key, value }) => [key, value]);
  expect(keys("20 a class", 200)).toEqual(mixed);
  expect(keys("hand signs", 200)).toEqual(mixed);
  expect(keys("a camera's", 50)).toEqual([]);
  expect(keys("a camera's", 100)).toEqual([
    ...mixed,
    ["transforms.trivial_augment", 1],
    ["transforms.random_erasing", 0.1],
  ]);
});

test("that photos are mirrored is said, unless the user has said whether", () => {
  const said = (given: object) => decide("two cores", "hand signs", { ...given }).decisions.map(({ key }) => key);
  expect(said({})).toContain("transforms.flip");
  for (const flip of [true, false, "random", null])
    expect(said({ "transforms.flip": flip })).not.toContain("transforms.flip");
});

test("what a user gives is not decided, and what hangs on it follows", () => {
  const open = decide("two cores with bfloat16", "hand signs");
  const given = decide("two cores with bfloat16", "hand signs", {
    "data.batch_size": 128,
    "trainer.max_epochs": 10,
    "callbacks.ema.decay": null,
  });
  expect(Object.keys(given.values)).not.toEqual(expect.arrayContaining(["batch_size"]));
  expect(given.values).not.toHaveProperty("max_epochs");
  expect(given.values).not.toHaveProperty("decay");
  expect(given.values["warmup_epochs"]).toBe(1);
  expect(given.values["learning_rate"]).toBeGreaterThan(Number(open.values["learning_rate"]));
  const timed = { seconds: 240 };
  const at = (size: number) =>
    Number(decide("two cores", "hand signs", { "data.image_size": size }, timed).values["max_epochs"]);
  expect(at(128)).toBeLessThan(at(64));
  const deep = decide("two cores", "hand signs", { model: "resnet50", "data.image_size": 64 }, timed).values;
  expect(deep["max_epochs"]).toBeLessThan(at(64));
});

test("a time is filled, with a smaller image where the time is short, and never beyond what brings nothing", () => {
  const within = (seconds: number, photos: Data = "hand signs", measured = 50) =>
    decide(
      "two cores with bfloat16",
      photos,
      {},
      { seconds, machine: { ...machines["two cores with bfloat16"], gmacPerSecond: measured } },
    ).values;
  expect(Number(within(60)["image_size"])).toBeLessThan(Number(within(600)["image_size"]));
  expect(within(60)["max_epochs"]).toBeGreaterThanOrEqual(1);
  expect(within(30_000, "icons")).toMatchObject({ image_size: 32, stem: "small" });
  expect(within(60, "icons")).toMatchObject({ image_size: 64 });
  expect(within(60, "icons")).not.toHaveProperty("stem");
  expect(within(600, "hand signs", 500)["max_epochs"]).toBe(within(6000, "hand signs", 500)["max_epochs"]);
  expect(Number(within(300, "hand signs", 25)["max_epochs"])).toBeLessThan(Number(within(300)["max_epochs"]));
});

test("a time may be filled with more epochs than were chosen, unless the user says how many", () => {
  const most = (given: object, more: object) =>
    decide("two cores", "hand signs", { "data.image_size": 64, ...given }, more).values["most_epochs"];
  expect(most({}, { seconds: 120 })).toBe(most({}, { seconds: 60 }));
  expect(most({}, { seconds: 120 })).toBeGreaterThan(100);
  expect(most({ "trainer.max_epochs": 20 }, { seconds: 120 })).toBeUndefined();
  expect(most({ "callbacks.fit_to_time.most_epochs": null }, { seconds: 120 })).toBeUndefined();
  expect(most({}, {})).toBeUndefined();
});

test("the last epoch is validated, and not every one of many", () => {
  for (let seconds = 60; seconds < 900; seconds += 20) {
    const { max_epochs: epochs, check_val_every_n_epoch: every = 1 } = decide(
      "a GPU",
      "hand signs",
      {},
      { seconds },
    ).values;
    expect(Number(epochs) % Number(every), String(epochs)).toBe(0);
    expect(Number(epochs) / Number(every)).toBeLessThanOrEqual(30);
  }
  const given = (epochs: number) => decide("two cores", "hand signs", { "trainer.max_epochs": epochs }).values;
  expect(given(100)).toMatchObject({ check_val_every_n_epoch: 4 });
  expect(given(101)).not.toHaveProperty("check_val_every_n_epoch");
});

test("every table fits 80 columns", () => {
  for (const machine of Object.keys(machines) as Machine[])
    for (const photos of Object.keys(data) as Data[])
      for (const weights of [false, true]) {
        const { decisions } = decide(machine, photos, {}, { weights, seconds: 300 });
        const max = { key: "trainer.max_time", value: "00:00:04:30", why: "" };
        const lines = decisionTable("Chosen", [...decisions, max]).split("\n");
        expect(lines.length).toBeGreaterThan(8);
        for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
      }
});

test.each([
  ["torch.optim.SGD", false, 0.025, "SGD"],
  ["torch.optim.SGD", true, 0.01, "SGD"],
  ["classifier_training.optim.Lion", true, 1e-4, "Lion"],
  ["torch.optim.Adadelta", false, 1, "Adadelta"],
  ["torch.optim.Adam", false, 2e-3, "Adam"],
])("the rate of %s (published weights: %s) is %d", (optimizer, pretrained, rate, name) => {
  const given = { "model.optimizer._target_": optimizer, "model.pretrained": pretrained, "data.batch_size": 64 };
  const { decisions } = decide("two cores", "hand signs", given);
  const chosen = decisions.find(({ key }) => key === "model.learning_rate");
  expect(chosen).toMatchObject({ value: rate, why: `${name}, batches of 64` });
});

test("rare classes are corrected for once", () => {
  const weights = (given: Readonly<Record<string, unknown>>) =>
    decide("two cores", "a long tail", given).values["class_weights"];
  expect(weights({})).toBe("effective");
  expect(weights({ "data.sampler.mode": "disabled", "model.logit_adjustment": 0 })).toBe("effective");
  expect(weights({ "data.sampler.mode": "auto" })).toBeUndefined();
  expect(weights({ "model.logit_adjustment": 1 })).toBeUndefined();
});
