import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
// @ts-expect-error: a script without types
import { vendorZod } from "./zod.mjs";

const root = join(import.meta.dirname, "..", "..");
const modules = join(root, "node_modules");
const { packages: locked } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));

/** The packages that npm installs with one. */
function installedWith(name: string, found = new Set<string>()): Set<string> {
  const { link, resolved, ...manifest } = locked[`node_modules/${name}`];
  const { dependencies = {}, optionalDependencies = {} } = link ? locked[resolved] : manifest;
  for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (found.has(dependency)) continue;
    found.add(dependency);
    installedWith(dependency, found);
  }
  return found;
}

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const published = files.filter(({ name }) => !/\.map$|\.tsbuildinfo$|\.test\./.test(name));
  return published.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

test("a service installs four small packages, and beside them what it chooses itself", async () => {
  const name = "@classifier-training/inference";
  const packages = [...installedWith(name)].sort();
  expect(packages).toEqual(["base", "image", "runs"].map((own) => `@classifier-training/${own}`));
  const base = mkdtempSync(join(tmpdir(), "base-"));
  try {
    cpSync(join(modules, "@classifier-training/base/dist"), join(base, "dist"), { recursive: true });
    await vendorZod(base);
    const others = [name, "@classifier-training/image", "@classifier-training/runs"];
    const bytes = others.reduce((sum, own) => sum + sizeOf(join(modules, own, "dist")), sizeOf(base));
    expect(bytes).toBeGreaterThan(500_000);
    expect(bytes).toBeLessThan(2_000_000);
    const { strictObject, number } = await import(join(base, "dist/zod.js"));
    expect(strictObject({ a: number() }).safeParse({ a: "1" }).success).toBe(false);
  } finally {
    rmSync(base, { recursive: true });
  }
});

test("the product comes without the fonts of jersey numbers", () => {
  const packages = [...installedWith("classifier-training")];
  expect(packages).toContain("@classifier-training/jersey");
  expect(packages).not.toContain("@classifier-training/jersey-fonts");
  expect(packages.filter((name) => name.startsWith("@fontsource/"))).toEqual(["@fontsource/inter"]);
});
