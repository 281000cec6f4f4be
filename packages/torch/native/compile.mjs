// Compiles the addon with CMake. Built-in modules only.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, rmSync, statfsSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { withPlainPaths } from "./cmake-paths.mjs";
import { installAdvice } from "./install-advice.mjs";
import { addonFolder, addonName, BuildError, buildInfo, nativeFolder } from "./place.mjs";

const require = createRequire(import.meta.url);

/** Runs a command; the last lines of its output become the error when it fails. */
function runCommand(command, args, onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    const take = (chunk) => {
      log = (log + chunk).slice(-20_000);
      for (const line of String(chunk).split("\n")) if (line.trim() !== "") onLine(line.trim());
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => reject(new BuildError(`${command} cannot be started: ${error.message}`)));
    child.on("close", (code) => {
      if (code === 0) resolve(undefined);
      else
        reject(
          new BuildError(
            `${command} ${args[0]} failed with exit code ${code}:\n${log.trimEnd().split("\n").slice(-40).join("\n")}\n${failureAdvice(log)}`,
          ),
        );
    });
  });
}

/** A tool seldom says that it failed for want of space. */
function failureAdvice(log) {
  const { bavail, bsize } = statfsSync(addonFolder());
  return bavail * bsize < 1e6 || /No space left on device/i.test(log)
    ? `  fix: free space on the disk of ${addonFolder()}`
    : "  fix: install what the lines above miss, or use another LibTorch: set LIBTORCH to its folder";
}

/** What building needs and this machine lacks. */
export function missingTools() {
  const works = (command) => spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
  // On Windows CMake finds Visual Studio's compiler by itself.
  const hasCompiler = process.platform === "win32" || works(process.env.CXX ?? "c++") || works("g++");
  return [...(works("cmake") ? [] : ["CMake"]), ...(hasCompiler ? [] : ["a C++ compiler"])];
}

/** Where CMake works. */
export const treeIn = (folder) => join(folder, `cmake-${process.arch}`);

/**
 * Hands the path of what CMake made to `onBuilt`; it may be gone afterwards.
 * @param {{ sanitize: boolean, gloo: boolean, why: string | undefined }} settings `why`: the reason why the addon that is
 * there was not taken, where there is one
 */
export async function compile(folder, libtorch, { sanitize, gloo, why }, onProgress, onBuilt) {
  const started = Date.now();
  const missing = missingTools();
  if (missing.length > 0) {
    const lead = why === undefined ? "the" : `${why}: an`;
    throw new BuildError(
      `${lead} addon for LibTorch ${libtorch.version} (${libtorch.libDir}) has to be compiled, and ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing\n${installAdvice({ tools: true })}`,
    );
  }
  const because = why === undefined ? "" : `: ${why}`;
  onProgress(`building the torch addon against LibTorch ${libtorch.version} (${libtorch.kind})${because}`);
  const tree = treeIn(folder);
  const before = buildInfo(folder)?.libtorch?.libDir;
  if (before !== undefined && before !== libtorch.libDir) rmSync(tree, { recursive: true, force: true });
  const paths = {
    sources: nativeFolder,
    config: configFolder(libtorch),
    nodeApi: join(dirname(require.resolve("node-api-headers/package.json")), "include"),
    addonApi: dirname(require.resolve("node-addon-api/package.json")),
  };
  const options = [`-DCT_GLOO_HEADERS=${gloo ? "ON" : "OFF"}`, `-DCT_SANITIZE=${sanitize ? "ON" : "OFF"}`];
  await withPlainPaths(paths, tree, async (plain, plainTree) => {
    await runCMake(plain, plainTree, options, (step) =>
      onProgress(`building the torch addon [${step}] ${Math.round((Date.now() - started) / 1000)} s`),
    );
    // Visual Studio's generator has a folder for each configuration.
    const candidates = [join(plainTree, addonName), join(plainTree, "Release", addonName)];
    onBuilt(candidates.find((path) => existsSync(path)) ?? candidates[0]);
  });
}

async function runCMake({ sources, config, nodeApi, addonApi }, tree, options, onStep) {
  const ninja = spawnSync("ninja", ["--version"]).status === 0;
  await runCommand(
    "cmake",
    [
      ...(ninja && !existsSync(join(tree, "Makefile")) ? ["-G", "Ninja"] : []),
      ...["-S", sources, "-B", tree, "-DCMAKE_BUILD_TYPE=Release", `-DTorch_DIR=${config}`],
      ...[`-DNODE_API_HEADERS=${nodeApi}`, `-DNODE_ADDON_API=${addonApi}`, ...options],
    ],
    () => {},
  );
  await runCommand(
    "cmake",
    ["--build", tree, "--config", "Release", "--parallel", String(Math.max(1, cpus().length))],
    (line) => {
      const step = /^\[\s*(\d+%|\d+\/\d+)\]/.exec(line);
      if (step) onStep(step[1]);
    },
  );
}

/** Where LibTorch's files for CMake are. Were CMake to look for them, it could find those of another LibTorch. */
function configFolder({ version, libDir, cmakePrefix }) {
  const folders = [
    join(cmakePrefix, "share/cmake/Torch"),
    join(libDir, "cmake/Torch"),
    join(cmakePrefix, "lib/cmake/Torch"),
  ];
  const found = folders.find((folder) => existsSync(join(folder, "TorchConfig.cmake")));
  if (found !== undefined) return found;
  throw new BuildError(
    `LibTorch ${version} (${libDir}) cannot be compiled against: ${join(folders[0], "TorchConfig.cmake")} is missing\n${installAdvice({ libtorch: true })}`,
  );
}

/** What an addon in a folder is for, where that is another LibTorch. */
export function addonOfAnother(folder, libtorch) {
  const before = buildInfo(folder)?.libtorch;
  if (before === undefined || (before.libDir === libtorch.libDir && before.version === libtorch.version))
    return undefined;
  return `the addon in ${folder} is for LibTorch ${before.version} (${before.libDir})`;
}
