// Everything between a clean clone and a running program: system packages, npm packages, the native addon, the build.
// Node built-ins only: it runs before anything is installed. Each step is skipped when its result is already there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const verbose = process.argv.includes("--verbose");

export class SetupError extends Error {}

export async function setup() {
  checkNode();
  await systemPackages();
  npmPackages();
  await nativeAddon();
  await typescriptBuild();
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(
    `Node.js ${process.versions.node} is too old: this project needs 20.19 or newer.\n  fix: install a current LTS release of Node.js and run the same command again`,
  );
}

async function systemPackages() {
  const { hasGlooHeaders, locateLibTorch } = await import("../packages/torch/native/locate.mjs");
  const { missingTools } = await import("../packages/torch/native/compile.mjs");
  const { installAdvice } = await import("../packages/torch/native/install-advice.mjs");
  const tools = missingTools();
  const libtorch = found(locateLibTorch);
  if (tools.length === 0 && libtorch) return glooHeaders(libtorch, hasGlooHeaders);
  const lacking = (tools, libtorch) => [...tools, ...(libtorch ? [] : ["LibTorch"])].join(", ");
  const advice = installAdvice({ libtorch: !libtorch, tools: tools.length > 0 });
  const packages = [
    ...(tools.length > 0 ? ["cmake", "g++", "make"] : []),
    ...(libtorch ? [] : ["libtorch-dev", "libgloo-dev"]),
  ];
  const apt = aptCommand();
  if (!apt) throw new SetupError(`Missing on this machine: ${lacking(tools, libtorch)}\n${advice}`);
  step(`installing ${packages.join(", ")} with apt (about a minute)`, () => aptInstall(apt, packages));
  const still = lacking(missingTools(), locateLibTorch());
  if (still !== "") throw new SetupError(`apt finished, but these are still missing: ${still}\n${advice}`);
}

/** `LIBTORCH` naming a folder without LibTorch is an error: falling back to another one would hide it. */
function found(locate) {
  try {
    return locate();
  } catch (error) {
    throw new SetupError(error.message);
  }
}

/** Training with several processes needs gloo's headers; a machine without them trains with one. Tried before the first build. */
function glooHeaders(libtorch, hasGlooHeaders) {
  const isBuilt = existsSync(join(root, "packages/torch/build/build-info.json"));
  if (libtorch.kind !== "debian" || isBuilt || hasGlooHeaders(libtorch)) return;
  const apt = aptCommand();
  if (!apt) return;
  try {
    step("installing libgloo-dev with apt", () => aptInstall(apt, ["libgloo-dev"]));
  } catch {
    process.stderr.write("setup: libgloo-dev could not be installed: training with several processes is left out\n");
  }
}

function aptInstall(apt, packages) {
  execute([...apt, "update", "-qq"]);
  execute([...apt, "install", "-y", "-qq", "--no-install-recommends", ...packages], {
    DEBIAN_FRONTEND: "noninteractive",
  });
}

/** The apt-get command line, where it may be used without asking: Debian or Ubuntu, as root or with passwordless sudo. */
function aptCommand() {
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return undefined;
  if (process.getuid?.() === 0) return ["apt-get"];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0;
  return sudo ? ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"] : undefined;
}

function npmPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .update(process.version)
    .digest("hex");
  const stamp = join(root, "node_modules", ".setup-stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  step("installing npm packages (npm ci)", () => {
    const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
    execute([...npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
  });
  writeFileSync(stamp, lock);
}

async function nativeAddon() {
  const { describeAddon, makeAddon, progressLines } = await import("../packages/torch/native/build.mjs");
  const write = (text) => process.stderr.write(text);
  const addon = await makeAddon({
    onProgress: progressLines(write, process.stderr.isTTY, "setup: "),
  });
  if (addon.how !== "ready") write(`${process.stderr.isTTY ? "\r\u001b[2K" : ""}setup: ${describeAddon(addon)}\n`);
}

async function typescriptBuild() {
  if (!existsSync(join(root, "packages", "classifier", "dist")))
    process.stderr.write("setup: compiling TypeScript ...\n");
  removeStaleOutput();
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const result = spawnSync(process.execPath, [compiler, "-b"], { cwd: root, encoding: "utf8" });
  if (result.status !== 0) throw new SetupError(`The TypeScript build failed:\n${result.stdout}${result.stderr}`);
  const { bundle } = await import("./bundle.mjs");
  await bundle();
}

/** tsc leaves the output of sources that were moved or deleted. */
function removeStaleOutput() {
  for (const name of readdirSync(join(root, "packages"))) {
    const [src, dist] = ["src", "dist"].map((folder) => join(root, "packages", name, folder));
    if (!existsSync(dist)) continue;
    for (const path of readdirSync(dist, { recursive: true })) {
      const source = path.replace(/\.(js|d\.ts)(\.map)?$/, ".ts");
      const isBundle = /^(bundle|web)\b/.test(path);
      if (source !== path && !isBundle && !existsSync(join(src, source))) rmSync(join(dist, path));
    }
  }
}

function execute(command, env = {}) {
  const [program, ...args] = command;
  const stdio = verbose ? "inherit" : "pipe";
  // On Windows npm is a batch file.
  const shell = process.platform === "win32" && program === "npm";
  const result = spawnSync(program, args, {
    cwd: root,
    stdio,
    shell,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (result.status === 0) return;
  const output = [result.error?.message, result.stdout, result.stderr].filter(Boolean).join("\n").trim();
  const tail = output.split("\n").slice(-25).join("\n");
  throw new SetupError(
    `This command failed: ${command.join(" ")}\n${tail}\n  fix: run it by hand to see more, then run this again`,
  );
}

function step(name, work) {
  const start = performance.now();
  process.stderr.write(`setup: ${name} ...\n`);
  work();
  process.stderr.write(`setup: done in ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
}

/** Runs the setup and ends the process with one clear text when it cannot be done. */
export async function setupOrExit() {
  try {
    await setup();
  } catch (error) {
    const known = error instanceof SetupError || error?.name === "BuildError";
    process.stderr.write(`${known ? error.message : error.stack}\n`);
    process.exit(1);
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setupOrExit();
  process.stderr.write("setup: ready\n");
}
