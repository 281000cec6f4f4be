import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const door = pathToFileURL(join(import.meta.dirname, "../src/index.ts")).href;

test("a TypeScript file outside of any package shares the classes of the packages that it imports", () => {
  const folder = mkdtempSync(join(tmpdir(), "hydra-target-"));
  try {
    writeFileSync(
      join(folder, "own.ts"),
      `import { DictConfig } from "${door}";\nexport class Own {\n  readonly config: DictConfig = new DictConfig();\n}\n`,
    );
    writeFileSync(join(folder, "conf.yaml"), "_target_: ./own.ts#Own\n");
    writeFileSync(
      join(folder, "app.mjs"),
      `import { DictConfig, instantiate, load } from "${door}";
       const own = await instantiate(load(${JSON.stringify(join(folder, "conf.yaml"))}));
       process.stdout.write(String(own.config instanceof DictConfig));`,
    );
    const args = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), join(folder, "app.mjs")];
    expect(execFileSync(process.execPath, args, { encoding: "utf8" })).toBe("true");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
