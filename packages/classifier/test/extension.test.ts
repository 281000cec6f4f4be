import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import { classifier } from "./cli.ts";

vi.setConfig({ testTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), "extension a ü-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

test("a project's plugins file adds a package with configurations and targets of its own", async () => {
  symlinkSync(fileURLToPath(new URL("../../../node_modules", import.meta.url)), join(dir, "node_modules"), "dir");
  write(
    "classifier.plugins.ts",
    `import { fileURLToPath } from "node:url";
import { registerExtension } from "classifier-training";

registerExtension({
  configFolder: fileURLToPath(new URL("./bells/conf/", import.meta.url)),
  targetNames: "bells",
  targets: async () => (await import("./bells/targets.ts")).targets,
});
`,
  );
  write(
    "bells/targets.ts",
    `import { optionsTarget } from "@classifier-training/base";
import { Callback, z } from "classifier-training";

const options = z.strictObject({ text: z.string().default("ding") });

class Bell extends Callback {
  constructor(readonly options: z.infer<typeof options>) {
    super();
  }
}

export const targets = { "bells.Bell": optionsTarget(options, (given) => new Bell(given)) };
`,
  );
  write("bells/conf/callbacks/bell.yaml", "bell:\n  _target_: bells.Bell\n  text: dong\n");

  const shown = await classifier(["train", "callbacks=bell", "--cfg", "job"], dir);
  expect(shown.stdout, shown.stderr).toContain("callbacks:\n  bell:\n    _target_: bells.Bell\n    text: dong\n");
  const check = ["train", "callbacks=bell", "data.data_root=data", "--info", "check"];
  expect(await classifier(check, dir)).toMatchObject({ code: 0, stdout: "no problems found\n" });
  const wrong = await classifier([...check, "+callbacks.bell.txt=x"], dir);
  expect(wrong.code).toBe(1);
  expect(wrong.stdout + wrong.stderr).toContain("did you mean 'text'?");
});
