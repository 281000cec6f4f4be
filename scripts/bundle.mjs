// The configuration layer as a few files instead of a hundred and fifteen: `classifier train --cfg job` loads in half the time.
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { build } from "esbuild";
import { root } from "./exec.mjs";

const dist = join(root, "packages", "hydra", "dist");
const outdir = join(dist, "bundle");

/** Bundles the built package, unless the bundle is newer than every built file. */
export async function bundleHydra() {
  const made = join(outdir, "index.js");
  const newest = Math.max(
    ...readdirSync(dist, { recursive: true })
      .filter((path) => path.endsWith(".js") && !path.startsWith("bundle"))
      .map((path) => statSync(join(dist, path)).mtimeMs),
  );
  if (existsSync(made) && statSync(made).mtimeMs > newest) return;
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

if (process.argv[1]?.endsWith("bundle.mjs")) await bundleHydra();
