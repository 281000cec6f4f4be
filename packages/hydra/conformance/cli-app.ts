import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { getLogger } from "@classifier-training/base";
import { HydraConfig, main, select, toYaml } from "../src/index.ts";
import type { DictConfig } from "../src/omegaconf/containers.ts";
import { pythonRepr, pythonStr } from "../src/omegaconf/python-text.ts";
import { selectRaw } from "../src/omegaconf/select.ts";

// The application of the recorded command lines, run as a process of its own: node cli-app.ts FOLDER APP-JSON ARGS...
const [folder = ".", appJson = "{}", ...argv] = process.argv.slice(2);
const app = JSON.parse(appJson) as { config_path: string | null; config_name: string | null; body: string };
const start = process.cwd();
const print = (line: string) => process.stdout.write(`${line}\n`);

function jobInfo() {
  const hydra = HydraConfig.get();
  const choices = [...(selectRaw(hydra, "runtime.choices") as DictConfig).nodes()].filter(
    (node) => !String(node.key).startsWith("hydra/"),
  );
  const text = (key: string) => {
    const value = selectRaw(hydra, key, { default: "???" });
    return pythonStr(value);
  };
  print(`name=${text("job.name")}`);
  print(`config_name=${text("job.config_name")}`);
  print(`override_dirname=${text("job.override_dirname")}`);
  print(`num=${text("job.num")}`);
  print(`id=${text("job.id")}`);
  print(`mode=${text("mode")}`);
  print(`task=${pythonRepr(selectRaw(hydra, "overrides.task"))}`);
  print(`choices=${pythonRepr(new Map(choices.map((node) => [node.key, (node as { value?: unknown }).value])))}`);
  print(`output_dir=${relative(start, text("runtime.output_dir")) || "."}`);
  print(`cwd=${relative(start, process.cwd()) || "."}`);
  print(`orig_cwd_is_start=${pythonStr(text("runtime.cwd") === start)}`);
  print(`abs=${relative(start, resolve("foo/bar"))}`);
}

await main(
  {
    configPath: app.config_path ?? undefined,
    configName: app.config_name ?? undefined,
    from: pathToFileURL(join(folder, "my_app.ts")),
    program: "my_app",
    argv,
  },
  (cfg) => {
    if (app.body === "print_cfg") process.stdout.write(toYaml(cfg));
    else if (app.body === "print_resolved") process.stdout.write(toYaml(cfg, { resolve: true }));
    else if (app.body === "job_info") jobInfo();
    else if (app.body === "raise") throw new TypeError("app failed");
    else if (app.body === "missing") print(String(select(cfg, "miss", { throwOnMissing: true })));
    else if (app.body === "return") print(String(select(cfg, "x")));
    else {
      const log = getLogger("__main__");
      log.debug("debug message");
      log.info("info message");
      log.warning("warn message");
    }
  },
);
