// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { getLogger, optionsTarget } from "@classifier-training/base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { HydraConfig } from "../compose/runtime.ts";
import { clearTargets, instantiate, registerTargets } from "../instantiate/index.ts";
import { get } from "../omegaconf/access.ts";
import { select } from "../omegaconf/select.ts";
import { toContainer } from "../omegaconf/to-container.ts";
import type { MainOptions } from "./invocation.ts";
import { type MainResult, main } from "./main.ts";
import { registerSweeper } from "./plugins.ts";
import type { TaskFunction } from "./task.ts";

const files = {
  "conf/config.yaml":
    "defaults:\n  - model: small\n  - _self_\nlr: 0.1\nrate: ${lr}\napi_key: abc\nhydra:\n  run:\n    dir: out\n  sweep:\n    dir: mr\n",
  "conf/model/small.yaml": "_target_: test.Model\nwidth: 8\n",
  "conf/model/large.yaml": "_target_: test.Model\nwidth: 64\n",
};

let folder: string;
let start: string;
beforeEach(() => {
  start = process.cwd();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "hydra-test-")));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  process.chdir(folder);
  const options = z.strictObject({ width: z.int().default(4), depth: z.int().default(1) });
  registerTargets({ "test.Model": optionsTarget(options, (given) => given) });
});
afterEach(() => {
  process.chdir(start);
  rmSync(folder, { recursive: true });
  clearTargets();
  process.exitCode = undefined;
});

interface Ran<T> extends MainResult<T> {
  readonly out: string;
  readonly err: string;
}

async function run<T>(
  argv: readonly string[],
  task: TaskFunction<T>,
  more: Partial<MainOptions> = {},
): Promise<Ran<T>> {
  let out = "";
  let err = "";
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += text;
    return true;
  });
  try {
    const options = { configPath: join(folder, "conf"), configName: "config", jobName: "train", program: "app train" };
    const result = await main({ ...options, ...more, argv }, task);
    return { ...result, out, err };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

test("a fallback folder is read last: the command line's files of the same name go before, others are there", async () => {
  mkdirSync(join(folder, "mine", "model"), { recursive: true });
  writeFileSync(join(folder, "mine", "model", "small.yaml"), "_target_: test.Model\nwidth: 5\n");
  const fallback = { configPath: undefined, fallbackPath: join(folder, "conf") };
  const width = (cfg: Parameters<TaskFunction<number>>[0]) => Number(select(cfg, "model.width"));
  expect((await run([], width, fallback)).jobs[0]?.value).toBe(8);
  expect((await run(["--config-dir", "mine"], width, fallback)).jobs[0]?.value).toBe(5);
  expect((await run(["--config-dir", "mine", "model=large"], width, fallback)).jobs[0]?.value).toBe(64);
});

test("a program's own help text is shown, unless the configuration has one", async () => {
  const helpTemplate = "Usage: app train\n$APP_CONFIG_GROUPS";
  expect((await run(["--help"], () => {}, { helpTemplate })).out).toBe("Usage: app train\nmodel: large, small\n\n");
  const own = await run(["--help", "hydra.help.template=mine"], () => {}, { helpTemplate });
  expect(own.out).toBe("mine\n");
});

test("a job runs in its run directory, with snapshots, a log file and its result", async () => {
  const { exitCode, jobs } = await run(["lr=1"], async (cfg, job) => {
    getLogger("train").info("hello");
    expect(job.outputDir).toBe(join(folder, "out"));
    expect(String(select(HydraConfig.get(), "job.name"))).toBe("train");
    return select(cfg, "rate");
  });
  expect(exitCode).toBe(0);
  expect(jobs.map(({ value }) => value)).toEqual([1]);
  const text = (path: string) => readFileSync(join(folder, "out", path), "utf8");
  expect(text(".hydra/overrides.yaml")).toBe("- lr=1\n");
  expect(text(".hydra/config.yaml")).toContain("rate: ${lr}\n");
  expect(text(".hydra/hydra.yaml")).toContain("name: train\n");
  expect(text("train.log")).toMatch(/\[train\]\[INFO\] - hello\n$/);
});

test("secrets are masked where people look, and exact in the record, which is its owner's alone", async () => {
  await run(["api_key=xyz123", "+model.token='t'", "+url=https://u:pw@h"], () => {});
  const record = (name: string) => join(folder, "out/.hydra", name);
  expect(readFileSync(record("config.yaml"), "utf8")).toContain("api_key: xyz123\n");
  expect(readFileSync(record("overrides.yaml"), "utf8")).toContain("- api_key=xyz123\n");
  for (const name of ["config.yaml", "hydra.yaml", "overrides.yaml"]) {
    expect(statSync(record(name)).mode & 0o777, name).toBe(0o600);
  }
  let seen: unknown;
  await run(["--experimental-rerun", "out"], (config) => {
    seen = get(config, "api_key");
  });
  expect(seen).toBe("xyz123");
  const { out } = await run(
    ["--cfg", "job", "--resolve", "+header='Bearer ${api_key}'", "api_key=xyz123", "+url=https://u:pw@h"],
    () => {},
  );
  expect(out).toContain("api_key: '***'");
  expect(out).not.toMatch(/xyz123|u:pw@/);
  expect((await run(["--cfg", "job", "-p", "api_key"], () => {})).out).toBe("***\n");
  for (const wrong of ["api_kay_token=xyz123", "api_key=xyz123)", "+api_key=xyz123"]) {
    const { err } = await run([wrong], () => {});
    expect(err).toMatch(/api_ka?e?y/);
    expect(err).not.toContain("xyz123");
  }
});

test("logs and errors show no password of a URL", async () => {
  const { out, err } = await run(["lr=1"], () => {
    getLogger("train").warning("cannot reach https://user:pw123@host/x");
    throw new TypeError("postgres://user:pw123@host refused");
  });
  expect(out).toContain("https://user:***@host/x");
  expect(out + err + readFileSync(join(folder, "out/train.log"), "utf8")).not.toContain("pw123");
});

test("a target beside its configuration file is found from the record as well", async () => {
  writeFileSync(join(folder, "conf/thing.ts"), "export class Thing {}\n");
  writeFileSync(join(folder, "conf/config.yaml"), "thing: {_target_: './thing.ts#Thing'}\nhydra: {run: {dir: out}}\n");
  const made: string[] = [];
  const task: TaskFunction<void> = async (config) => {
    made.push(((await instantiate(get(config, "thing"))) as object).constructor.name);
  };
  await run([], task);
  await run(["--experimental-rerun", "out"], task);
  expect(made).toEqual(["Thing", "Thing"]);
});

test("a record without secrets keeps the mode that the user's mask gives", async () => {
  await run(["api_key=null"], () => {});
  expect(statSync(join(folder, "out/.hydra/overrides.yaml")).mode & 0o777).toBe(0o666 & ~process.umask());
});

test("hydra_colorlog's configs are built in; colors go to terminals only", async () => {
  const choices = ["hydra/job_logging=colorlog", "hydra/hydra_logging=colorlog"];
  const { out } = await run(choices, () => getLogger("train").warning("careful"));
  expect(out).toMatch(/\[train\]\[WARNING\] - careful\n/);
  expect(out).not.toContain("\u001b");
  expect(readFileSync(join(folder, "out/train.log"), "utf8")).toMatch(/\[train\]\[WARNING\] - careful\n$/);
  expect((await run(["--hydra-help"], () => {})).out).not.toContain("colorlog");
});

test("a task that throws ends with a sentence and exit code 1; the stack trace is in the log file", async () => {
  const { exitCode, err, error } = await run(["lr=1"], () => {
    throw new TypeError("no such shape");
  });
  expect(exitCode).toBe(1);
  expect(process.exitCode).toBe(1);
  expect(error).toBeDefined();
  expect(err).toMatch(/^Error executing job with overrides: \['lr=1'\]\nTypeError: no such shape\n/);
  expect(err).not.toContain("    at ");
  expect(readFileSync(join(folder, "out/train.log"), "utf8")).toContain("    at ");
});

test("HYDRA_FULL_ERROR=1 shows the stack trace", async () => {
  vi.stubEnv("HYDRA_FULL_ERROR", "1");
  const { err } = await run([], () => {
    throw new TypeError("no such shape");
  });
  vi.unstubAllEnvs();
  expect(err).toContain("    at ");
});

test("a multirun runs every combination", async () => {
  const seen: unknown[] = [];
  const { exitCode, jobs } = await run(["-m", "model=small,large", "lr=range(1,3)"], (cfg) => {
    seen.push([select(cfg, "model.width"), select(cfg, "lr"), select(HydraConfig.get(), "job.num")]);
  });
  expect(exitCode).toBe(0);
  expect(jobs).toHaveLength(4);
  expect(seen).toEqual([
    [8, 1, 0],
    [8, 2, 1],
    [64, 1, 2],
    [64, 2, 3],
  ]);
  expect(existsSync(join(folder, "mr/3/.hydra/config.yaml"))).toBe(true);
  expect(existsSync(join(folder, "mr/multirun.yaml"))).toBe(true);
});

test("a sweep with failures says which job, when and why, and what succeeded; the other jobs are returned", async () => {
  const { exitCode, err, jobs } = await run(["-m", "lr=1,2,3", "model.width=8"], (cfg) => {
    if (select(cfg, "lr") === 2) throw new Error("too large\nsecond line");
    return select(cfg, "lr");
  });
  expect(exitCode).toBe(1);
  expect(jobs.map(({ value }) => value)).toEqual([1, 3]);
  expect(err).toMatch(
    /1 of 3 jobs failed:\n {2}#1 lr=2, at \d\d:\d\d:\d\d: too large\n2 succeeded:\n {2}#0 lr=1, in .*mr\/0\n {2}#2 lr=3, in .*mr\/2\n/,
  );
});

test("a program may place jobs elsewhere than planned: snapshots and ${hydra:runtime.output_dir} follow", async () => {
  const claimDirectory = (planned: string) => `${planned}_1`;
  const { jobs } = await run(["+where=${hydra:runtime.output_dir}"], (cfg) => get(cfg, "where"), { claimDirectory });
  expect(jobs[0]?.value).toBe(join(folder, "out_1"));
  expect(existsSync(join(folder, "out_1/.hydra/config.yaml"))).toBe(true);
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test("another sweeper can be plugged in", async () => {
  registerSweeper("test.Sweeper", (options, _, launcher) => ({
    sweep: async () => [await launcher.launch([[`lr=${options["best"]}`]], 0)],
  }));
  const { jobs, err } = await run(["-m", "++hydra.sweeper._target_=test.Sweeper", "+hydra.sweeper.best=7"], (cfg) =>
    select(cfg, "lr"),
  );
  expect(err).toContain("BasicSweeperConf has no key 'best'");
  expect(jobs.map(({ value }) => value)).toEqual([7]);
});

test("callbacks are called around the job, and cannot fail it", async () => {
  const called: string[] = [];
  const callback = {
    onRunStart: () => void called.push("run start"),
    onJobStart: () => void called.push("job start"),
    onJobEnd: () => {
      throw new TypeError("mine");
    },
    onRunEnd: () => void called.push("run end"),
  };
  registerTargets({ "test.Callback": { invoke: () => callback } });
  const { exitCode } = await run(["+hydra.callbacks.mine._target_=test.Callback"], () => void called.push("task"));
  expect(exitCode).toBe(0);
  expect(called).toEqual(["run start", "job start", "task", "run end"]);
});

test("an added option that the target does not have is warned about", async () => {
  const { err } = await run(["+model.dept=3"], () => {});
  expect(err).toContain(
    "WARNING: override +model.dept=3: model.dept: test.Model has no option 'dept' (did you mean 'depth'?)",
  );
});

test("--info explain says where a value comes from", async () => {
  const { out } = await run(["--info", "explain", "rate", "lr=5"], () => {});
  expect(out.replaceAll(folder, "DIR")).toBe(
    "rate = 5\n  written ${lr}\n  set in DIR/conf/config.yaml:5\n" +
      "    lr = 5\n      set in override lr=5\n      instead of what is set in DIR/conf/config.yaml:4\n",
  );
  expect((await run(["--info", "explain", "rat"], () => {})).err).toContain("did you mean 'rate'?");
});

test("--info unused lists the keys that the dry run did not read", async () => {
  const dryRun = async (cfg: Parameters<TaskFunction<void>>[0]) => {
    await instantiate(get(cfg, "model"));
  };
  const { out } = await run(["--info", "unused"], () => {}, { dryRun });
  expect(out).toMatch(/config\.yaml:4: lr was never read/);
  expect(out).not.toContain("model");
});

test("--info check reports every problem of the configuration", async () => {
  const { exitCode, err } = await run(["--info", "check", "lr=${rats}", "+model.dept=1", "+x=???"], () => {});
  expect(exitCode).toBe(1);
  expect(err).toMatch(/lr: .*rats[\s\S]*x: a mandatory value is missing[\s\S]*model\.dept: .*did you mean 'depth'/);
});

test("shell completion offers groups, options, keys and values", async () => {
  const query = async (line: string) => {
    vi.stubEnv("COMP_LINE", `app train ${line}`);
    const { out } = await run(["-sc", "query=bash"], () => {});
    vi.unstubAllEnvs();
    return out.trim().split(" ");
  };
  expect(await query("mod")).toEqual(["model.", "model="]);
  expect(await query("model=")).toEqual(["model=large", "model=small"]);
  expect(await query("model=large model.w")).toEqual(["model.width="]);
  expect(await query("model=large model.width=")).toEqual(["model.width=64"]);
  for (const shell of ["bash", "zsh", "fish"]) {
    expect((await run(["-sc", `install=${shell}`], () => {})).out).toContain("app train -sc query=");
  }
});

test("--help shows the groups, the configuration and the flags' summary", async () => {
  const { out } = await run(["--help"], () => {});
  expect(out).toContain("train is powered by Hydra.");
  expect(out).toContain("model: large, small\n");
  expect(out).toContain("lr: 0.1\n");
  expect((await run(["--hydra-help"], () => {})).out).toContain('eval "$(app train -sc install=bash)"');
});

test("a saved job can be run again", async () => {
  await run(["lr=3"], () => {});
  const { jobs } = await run(["--experimental-rerun", "out"], (cfg) => toContainer(cfg, { resolve: true }));
  expect(jobs[0]?.value).toMatchObject({ lr: 3, rate: 3, model: { width: 8 } });
});

test("flags that do not fit end with the usage and exit code 2", async () => {
  const { exitCode, err } = await run(["--cfg", "nope"], () => {});
  expect(exitCode).toBe(2);
  expect(err).toMatch(/^usage: app train .*\napp train: error: argument --cfg\/-c: invalid choice: 'nope'/);
  expect((await run(["--x=1"], () => {})).err).toContain("unrecognized arguments: --x=1");
});
