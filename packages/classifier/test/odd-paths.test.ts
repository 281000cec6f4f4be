import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { textOverride } from "@classifier-training/hydra";
import { writeSynthetic } from "@classifier-training/jersey";
import { afterAll, expect, test, vi } from "vitest";
import { type CliResult, quick, startProgram } from "./cli.ts";
import { installInto } from "./installation.ts";

vi.setConfig({ testTimeout: 300_000 });

const base = mkdtempSync(join(tmpdir(), "odd-"));
const folder = join(base, `a b ü#%41'"`);
afterAll(() => rmSync(base, { recursive: true, force: true }));

test("the program works from, in and with folders whose names need quoting", async () => {
  const program = installInto(join(folder, "installed"));
  const work = join(folder, "work ü");
  const data = join(folder, "photos #1");
  const conf = join(work, "conf %20");
  mkdirSync(conf, { recursive: true });
  for (const split of ["train", "valid"]) {
    const requests = ["1", "7"].flatMap((label) => Array.from({ length: 8 }, () => ({ label })));
    await writeSynthetic(requests, { folder: join(data, split), seed: 3, stream: split, size: 32, strength: 0.2 });
  }
  writeFileSync(
    join(conf, "own.yaml"),
    "defaults: [train_basketball_resnet18]\ncallbacks: {bell: {_target_: './bell.ts#Bell'}}\n",
  );
  const lightning = pathToFileURL(join(folder, "installed/node_modules/@classifier-training/lightning/dist/index.js"));
  writeFileSync(
    join(conf, "bell.ts"),
    `import { Callback } from "${lightning.href}";\nexport class Bell extends Callback {}\n`,
  );
  // Built before: a compiler need not understand such a folder.
  const addon = join(folder, "installed/node_modules/@classifier-training/torch/build/ct_torch.node");
  const run = async (...args: string[]): Promise<CliResult> => {
    const result = await startProgram(program, args, work, { env: { TMPDIR: folder, CT_TORCH_ADDON: addon } }).done;
    expect(result.code, `${args.join(" ")}\n${result.stderr}`).toBe(0);
    return result;
  };
  await run(
    "train",
    ...["--config-dir", "conf %20", "--config-name", "own", ...quick, "data.num_workers=1"],
    textOverride("data.data_root", data),
    ...["trainer.max_epochs=1", "model.width=8", "model.stem=small", "callbacks.replay.every_n_steps=1"],
  );
  const day = join("outputs", readdirSync(join(work, "outputs"))[0] ?? "");
  const trained = join(day, readdirSync(join(work, day))[0] ?? "");
  expect(JSON.parse(readFileSync(join(work, trained, "run.json"), "utf8")).status).toBe("success");
  expect((await run("predict", trained, join(data, "valid"))).stdout).toContain(data);
  expect((await run("validate", trained)).stdout).toContain("val/acc");
  const served = startProgram(program, ["dashboard", "--port", "0"], work);
  const url = await new Promise<string>((resolve) =>
    served.process.stdout?.on("data", (text) => resolve(String(text).trim().split(" ")[0] ?? "")),
  );
  const listed = async () => ((await (await fetch(new URL("api/runs", url))).json()) as { runs: object[] }).runs;
  await expect
    .poll(listed)
    .toContainEqual(expect.objectContaining({ key: relative("outputs", trained), status: "success" }));
  expect(await (await fetch(url)).text()).toContain("<title>");
  served.process.kill();
  expect((await run("verify", trained, "--steps", "1")).stdout).toContain("equal");
});
