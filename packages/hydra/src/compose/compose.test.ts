// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { MissingConfigError } from "../errors.ts";
import { toContainer } from "../omegaconf/to-container.ts";
import { ConfigStore } from "../sources/store.ts";
import { compose, initializeConfigDir } from "./api.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "hydra-test-")));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function composed(files: Readonly<Record<string, string>>, overrides: readonly string[] = []): unknown {
  using _ = initializeConfigDir(folderOf(files));
  return toContainer(compose({ configName: "config", overrides }), { resolve: true });
}

const base = {
  "config.yaml": "defaults:\n  - db: mysql\n  - _self_\nlr: 0.1\nname: ${db.name}-${lr}\ntags: [a, b]\n",
  "db/mysql.yaml": "name: mysql\nport: 3306\n",
  "db/sqlite.yaml": "name: sqlite\n",
};

test("a config group is chosen, and values are set", () => {
  expect(composed(base, ["db=sqlite", "lr=1", "+new.key=[1,2]"])).toEqual({
    db: { name: "sqlite" },
    lr: 1,
    name: "sqlite-1",
    tags: ["a", "b"],
    new: { key: [1, 2] },
  });
});

test("lists grow and shrink from the command line", () => {
  expect(composed(base, ["tags=extend_list(c)", "tags=remove_list(a)"])).toMatchObject({ tags: ["b", "c"] });
  expect(() => composed(base, ["tags=remove_list(z)"])).toThrow(/it has no z/);
});

test("an unknown option of a group lists the options and names the nearest", () => {
  expect(() => composed(base, ["db=mysq"])).toThrow(MissingConfigError);
  expect(() => composed(base, ["db=mysq"])).toThrow(
    /Did you mean 'mysql'\?[\s\S]*Available options in 'db':\n\tmysql\n\tsqlite/,
  );
});

test("an unknown key names the nearest, and how to add it", () => {
  expect(() => composed(base, ["db.prot=1"])).toThrow(
    "Could not override 'db.prot'.\nDid you mean 'db.port'?\nTo append to your config use +db.prot=1",
  );
});

test("all wrong overrides are reported at once", () => {
  expect(() => composed(base, ["db.prot=1", "lrr=2", "~nope"])).toThrow(
    /db\.port[\s\S]*Could not override 'lrr'[\s\S]*'nope' does not exist[\s\S]*There are 3 problems/,
  );
});

test("all missing configs are reported at once", () => {
  const files = { "config.yaml": "defaults:\n  - db: a\n  - model: b\n", "db/x.yaml": "", "model/y.yaml": "" };
  expect(() => composed(files)).toThrow(/Could not find 'model\/b'[\s\S]*Could not find 'db\/a'/);
});

test("wrong overrides are reported together with a missing config, unless it could have brought their keys", () => {
  const problems = (overrides: readonly string[]) => {
    try {
      composed(base, overrides);
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  expect(problems(["db=mysq", "db.any=1", "lrr=2"])).toMatch(/'db\/mysq'[\s\S]*Did you mean 'lr'\?[\s\S]*2 problems/);
  expect(problems(["db=mysq", "db.any=1"])).not.toContain("any");
});

test("a defaults list that leads back to itself is refused", () => {
  const files = { "config.yaml": "defaults:\n  - a\n", "a.yaml": "defaults:\n  - b\n", "b.yaml": "defaults:\n  - a\n" };
  expect(() => composed(files)).toThrow(/lead back to where they came from: .*a -> b -> a|b -> a -> b/);
});

test("a sweep without multirun says what else it could mean", () => {
  expect(() => composed(base, ["lr=1,2"])).toThrow(/Ambiguous value for argument 'lr=1,2'/);
});

test("a YAML error names the file and the line", () => {
  expect(() => composed({ "config.yaml": "a: 1\nb: [\n" })).toThrow(/config\.yaml, line 3/);
});

test("a zod schema gives defaults and types", () => {
  const store = ConfigStore.instance();
  cleanups.push(() => store.clear());
  const schema = z.strictObject({
    lr: z.number().positive().default(1e-3),
    steps: z.int(),
    kind: z.enum(["adam", "sgd"]).default("adam"),
    nested: z.strictObject({ flag: z.boolean().default(false) }).prefault({}),
    names: z.array(z.string()).default([]),
  });
  store.store({ group: "optimizer", name: "base", node: schema });
  const files = {
    "config.yaml": "defaults:\n  - optimizer: mine\n  - _self_\n",
    "optimizer/mine.yaml": "defaults:\n  - base\n  - _self_\nlr: 0.5\n",
  };
  expect(composed(files, ["optimizer.steps='10'", "optimizer.nested.flag=yes"])).toEqual({
    optimizer: { lr: 0.5, steps: 10, kind: "adam", nested: { flag: true }, names: [] },
  });
  expect(() => composed(files, ["optimizer.lr=fast"])).toThrow(
    /'fast' cannot be converted to float[\s\S]*optimizer\.lr/,
  );
  expect(() => composed(files, ["optimizer.lr=-1"])).toThrow(/expected number > 0, received -1/);
  expect(() => composed(files, ["optimizer.kind=adamm"])).toThrow(/one of 'adam', 'sgd'/);
  expect(() => composed(files, ["optimizer.lrr=1"])).toThrow(/Did you mean 'optimizer\.lr'/);
  const bad = { ...files, "optimizer/mine.yaml": "defaults:\n  - base\n  - _self_\nlr: 0.5\nsteps: many\n" };
  expect(() => composed(bad)).toThrow(/'many' cannot be converted to int[\s\S]*optimizer\.steps[\s\S]*mine\.yaml:5/);
});

test("configs of an installed npm package are found by pkg://", () => {
  const folder = folderOf({
    "node_modules/@me/confs/conf/db/oracle.yaml": "name: oracle\n",
    "app/config.yaml": "defaults:\n  - db: oracle\nhydra:\n  searchpath: ['pkg://@me/confs/conf']\n",
  });
  const before = process.cwd();
  process.chdir(folder);
  cleanups.push(() => process.chdir(before));
  using _ = initializeConfigDir(join(folder, "app"));
  expect(toContainer(compose({ configName: "config" }))).toEqual({ db: { name: "oracle" } });
});

test("compose asks to be initialized first", () => {
  expect(() => compose()).toThrow(/initializeConfigDir/);
});
