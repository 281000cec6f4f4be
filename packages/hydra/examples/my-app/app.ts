// Run it: npx tsx packages/hydra/examples/my-app/app.ts db=sqlite model.width=64
// Sweep:  ... -m db=mysql,sqlite model.width=32,64        Look: ... --cfg job, --info explain model.name, --help
import { ConfigStore, instantiate, main, registerTargets, select, toYaml } from "@classifier-training/hydra";
import { z } from "zod";

// A schema: the option `model: base` whose values are checked when the configuration is composed.
ConfigStore.instance().store({
  group: "model",
  name: "base",
  node: z.strictObject({
    _target_: z.string().default("my_app.Model"),
    width: z.int().positive().default(16),
    name: z.string(),
  }),
});

// What the `_target_` of a configuration may name.
registerTargets({
  "my_app.Model": { optionNames: ["width", "name"], invoke: (_, options) => ({ kind: "model", ...options }) },
});

await main({ configPath: "conf", configName: "config", from: import.meta.url }, async (cfg, job) => {
  process.stdout.write(toYaml(cfg));
  const model = await instantiate(select(cfg, "model"));
  process.stdout.write(`built ${JSON.stringify(model)} in ${job.outputDir}\n`);
});
