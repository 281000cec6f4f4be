// A registry of its own on a loopback port, into which the packages are published as the release workflow does it.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { root } from "../exec.mjs";

/** A port that nothing listens on. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts Verdaccio; other people's packages come through it from the registry that npm is set up for.
 * @returns {Promise<{ url: string, npmrc: string, stop: () => void }>} `npmrc`: what a project needs to use it
 */
export async function startRegistry(folder) {
  const port = await freePort();
  const upstream = spawnSync("npm", ["config", "get", "registry"], { cwd: root, encoding: "utf8" }).stdout.trim();
  mkdirSync(folder, { recursive: true });
  const config = {
    storage: join(folder, "storage"),
    auth: { htpasswd: { file: join(folder, "htpasswd") } },
    uplinks: { upstream: { url: upstream, cache: false } },
    packages: {
      "@classifier-training/*": { access: "$all", publish: "$all" },
      "classifier-training": { access: "$all", publish: "$all" },
      "**": { access: "$all", proxy: "upstream" },
    },
    log: { type: "file", path: join(folder, "verdaccio.log"), level: "warn" },
    max_body_size: "200mb",
    web: { enable: false },
  };
  writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
  const bin = join(root, "node_modules", "verdaccio", "bin", "verdaccio");
  const child = spawn(process.execPath, [bin, "-c", join(folder, "config.yaml"), "-l", `127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}/`;
  for (let i = 0; !(await answers(url)); i++) {
    if (child.exitCode !== null || i > 300) throw new Error("Verdaccio did not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // npm wants a name to publish under; this registry takes any.
  const npmrc = `registry=${url}\n//127.0.0.1:${port}/:_authToken=anyone\nfund=false\naudit=false\nupdate-notifier=false\n`;
  return { url, npmrc, stop: () => child.kill() };
}

async function answers(url) {
  try {
    return (await fetch(`${url}-/ping`)).ok;
  } catch {
    return false;
  }
}

/** Publishes folders in order. */
export function publish(folders, npmrc) {
  for (const folder of folders) {
    writeFileSync(join(folder, ".npmrc"), npmrc);
    const result = spawnSync("npm", ["publish", "--access", "public"], { cwd: folder, encoding: "utf8" });
    if (result.status !== 0) throw new Error(`npm publish failed in ${folder}:\n${result.stderr}`);
  }
}
