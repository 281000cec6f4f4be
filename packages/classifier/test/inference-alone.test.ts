import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { installInto } from "./installation.ts";
import { writeTinyModel } from "./tiny-model.ts";

vi.setConfig({ testTimeout: 30_000 });

const base = mkdtempSync(join(tmpdir(), "alone-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Prints the predictions, and everything that was loaded: ES modules, CommonJS modules, native libraries. */
const program = `
import { Module, register } from "node:module";
import { MessageChannel } from "node:worker_threads";
const { port1, port2 } = new MessageChannel();
const loaded = [];
port1.on("message", (url) => loaded.push(url)).unref();
const hook = "let port; export const initialize = (given) => { port = given; };" +
  "export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };";
register("data:text/javascript," + encodeURIComponent(hook), { data: port2, transferList: [port2] });
const { OnnxClassifier, verifyBundle } = await import("@classifier-training/inference");
const classifier = await OnnxClassifier.load("bundle");
const [best] = (await classifier.predict(["photo of a ü.png"], { topK: 1 }))[0];
await classifier.close();
const { problems } = await verifyBundle("bundle");
const last = "data:text/javascript,";
await import(last);
while (!loaded.includes(last)) await new Promise((resolve) => setImmediate(resolve));
const libraries = process.report.getReport().sharedObjects;
console.log(JSON.stringify({ best, problems, loaded: [...loaded, ...Object.keys(Module._cache), ...libraries] }));
`;

/** The npm package that a path lies in, or the name of a library outside of npm's folders. */
function packageOf(path: string): string {
  const inside = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(decodeURIComponent(path))?.[1];
  const workspace = /\/packages\/([^/]+)\//.exec(path)?.[1];
  return inside ?? (workspace === undefined ? (path.split("/").at(-1) ?? "") : `@classifier-training/${workspace}`);
}

test("a service loads ONNX Runtime and an image decoder, and nothing of training, from any folder", async () => {
  const folder = join(base, "a b ü");
  installInto(folder);
  const scope = join(folder, "node_modules/@classifier-training");
  const needed = ["base", "image", "inference", "runs"];
  for (const name of readdirSync(scope)) if (!needed.includes(name)) rmSync(join(scope, name), { recursive: true });
  const model = await writeTinyModel(base);
  cpSync(model.bundle, join(folder, "bundle"), { recursive: true });
  cpSync(model.image, join(folder, "photo of a ü.png"));
  writeFileSync(join(folder, "service.mjs"), program);

  const { stdout, stderr, status } = spawnSync(process.execPath, ["service.mjs"], { cwd: folder, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  const { best, problems, loaded } = JSON.parse(stdout);
  expect(["a", "b"]).toContain(best.label);
  expect(problems).toEqual([]);

  const packages = new Set<string>(loaded.map(packageOf));
  for (const name of ["onnxruntime-node", "sharp", ...needed.map((part) => `@classifier-training/${part}`)])
    expect([...packages]).toContain(name);
  const unwanted = /torch|canvas|chart|tsx|esbuild|fontsource|commander|lightning|hydra|jersey|vision/i;
  expect([...packages].filter((name) => unwanted.test(name.replace("@classifier-training", "")))).toEqual([]);
});

const withoutSharp = `
import { byteImage, OnnxClassifier } from "@classifier-training/inference";
const classifier = await OnnxClassifier.load("bundle");
await classifier.predict([byteImage(new Uint8Array(48), 4, 4)]);
const [error] = await classifier.predictEach(["photo of a ü.png"]);
console.log(error.message);
await classifier.close();
`;

test("without sharp pixels are classified, and a PNG file names the command that installs it", async () => {
  const folder = join(base, "no sharp");
  installInto(folder);
  rmSync(join(folder, "node_modules/sharp"), { recursive: true });
  const model = await writeTinyModel(base);
  cpSync(model.bundle, join(folder, "bundle"), { recursive: true });
  cpSync(model.image, join(folder, "photo of a ü.png"));
  writeFileSync(join(folder, "service.mjs"), withoutSharp);
  const { stdout, stderr } = spawnSync(process.execPath, ["service.mjs"], { cwd: folder, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toBe(
    "photo of a ü.png cannot be decoded: the package sharp is not installed\n  fix: npm install sharp\n",
  );
});
