// What is built besides the packages' own modules. The configuration layer as a few files instead of a hundred and fifteen:
// `classifier train --cfg job` loads in half the time. The dashboard's page: no build where the package is used.
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { root } from "./exec.mjs";

/** Builds all bundles whose sources are newer. */
export async function bundle() {
  await bundleHydra();
  await bundlePage();
}

async function bundleHydra() {
  const dist = join(root, "packages", "hydra", "dist");
  const outdir = join(dist, "bundle");
  const sources = filesBelow(dist).filter((path) => path.endsWith(".js") && !path.startsWith(outdir));
  if (isNewerThan(join(outdir, "index.js"), sources)) return;
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: [join(dist, "index.js")],
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "warning",
  });
}

async function bundlePage() {
  const folder = join(root, "packages", "dashboard");
  const shared = ["dashboard/src", "dashboard/vite.config.ts", "runs/src", "base/src"].map((path) =>
    join(root, "packages", path),
  );
  const sources = [join(folder, "web"), ...shared, join(root, "package-lock.json")].flatMap(filesBelow);
  if (isNewerThan(join(folder, "dist", "web", "index.html"), sources)) return;
  const vite = await import("vite");
  const before = process.cwd();
  process.chdir(folder);
  try {
    await vite.build({ configFile: join(folder, "vite.config.ts") });
  } finally {
    process.chdir(before);
  }
}

/** A path, and all files and folders below it: a folder changes when a file is removed. */
function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path, { recursive: true }).map((name) => join(path, name))];
}

function isNewerThan(made, sources) {
  return existsSync(made) && statSync(made).mtimeMs > Math.max(...sources.map((path) => statSync(path).mtimeMs));
}

if (process.argv[1]?.endsWith("bundle.mjs")) await bundle();
