import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compose, initializeConfigDir, instantiate, select, toContainer } from "@classifier-training/hydra";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { register } from "./register.ts";

const folder = mkdtempSync(join(tmpdir(), "classifier-register-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Probe {
  static readonly options = z.strictObject({
    numClasses: z.int(),
    dropRate: z.number().default(0.1),
    sampler: z
      .strictObject({ classWeights: z.record(z.string(), z.number()), numSamples: z.int().nullable() })
      .default({ classWeights: { rareClass: 2 }, numSamples: null }),
  });
  readonly options: z.infer<typeof Probe.options>;

  constructor(options: z.infer<typeof Probe.options>) {
    this.options = options;
  }
}
register("model", "register_probe")(Probe);

test("a registered class is an option of its group, with YAML's names at every depth", async () => {
  writeFileSync(join(folder, "config.yaml"), "defaults:\n  - model: register_probe\n  - _self_\n");
  using _ = initializeConfigDir(folder);
  expect(select(compose({ configName: "config" }), "model.num_classes", { default: "missing" })).toBe("missing");
  const overrides = ["model.num_classes=3", "model.sampler.num_samples=7"];
  const config = compose({ configName: "config", overrides });
  expect(toContainer(config)).toEqual({
    model: {
      _target_: "registered.model.register_probe",
      num_classes: 3,
      drop_rate: 0.1,
      sampler: { class_weights: { rareClass: 2 }, num_samples: 7 },
    },
  });
  const made = (await instantiate(select(config, "model"))) as Probe;
  expect(made.options).toEqual({
    numClasses: 3,
    dropRate: 0.1,
    sampler: { classWeights: { rareClass: 2 }, numSamples: 7 },
  });
});
