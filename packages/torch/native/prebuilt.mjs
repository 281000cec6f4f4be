// The addon of the optional package for this platform. Built-in modules only.
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter } from "node:path";
import { addonName, packageManifest } from "./place.mjs";

const require = createRequire(import.meta.url);

/**
 * @typedef {object} Prebuilt
 * @property {string} name of the package
 * @property {string} path of its addon
 * @property {string} version of the LibTorch that it was compiled for
 */

/** @returns {Prebuilt | undefined} what is installed for this platform, in the version of this package */
export function platformPackage() {
  const { name: own, version } = packageManifest();
  const name = `${own}-${process.platform}-${process.arch}`;
  try {
    const manifest = require(`${name}/package.json`);
    if (manifest.version !== version) return undefined;
    return { name, path: require.resolve(`${name}/${addonName}`), version: manifest.libtorch.version };
  } catch {
    return undefined;
  }
}

const withoutBuild = (version) => version.split("+")[0];

/**
 * Puts a prebuilt addon in place, if it was compiled for the LibTorch that was found, and loads: a system may be older
 * than the one that it was compiled on, and one version of LibTorch has several binary interfaces.
 * @param {Prebuilt} prebuilt
 * @param {import("./locate.mjs").LibTorch} libtorch linked beside `target` already
 * @param {string} target
 * @returns {string | undefined} why it was not taken
 */
export function takePrebuilt({ name, path, version }, libtorch, target) {
  if (withoutBuild(version) !== withoutBuild(libtorch.version))
    return `the addon of ${name} is for LibTorch ${version}`;
  const trial = `${target}.${process.pid}.tmp`;
  writeFileSync(trial, readFileSync(path), { mode: 0o755 });
  const script =
    "try { process.dlopen({ exports: {} }, process.argv[1]) } catch (error) { console.log(error.message) }";
  // All symbols are looked up at once, in a process of its own: what is missing would end a training in its middle.
  const env = { LD_BIND_NOW: "1" };
  // Windows has no search path inside of a library.
  if (process.platform === "win32") env.PATH = `${libtorch.libDir}${delimiter}${process.env.PATH ?? ""}`;
  const { status, signal, stdout } = spawnSync(process.execPath, ["-e", script, trial], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  const message = stdout?.trim().split("\n")[0] || (status === 0 ? "" : `its process ended with ${signal ?? status}`);
  if (message === "") renameSync(trial, target);
  else rmSync(trial);
  return message === ""
    ? undefined
    : `the addon of ${name} does not load here (${message.replaceAll(trial, addonName)})`;
}
