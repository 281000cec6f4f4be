import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { locateLibTorch } from "@classifier-training/torch/setup";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { writeTinyModel } from "./tiny-model.ts";

vi.setConfig({ testTimeout: 60_000 });

const program = fileURLToPath(new URL("../bin/classifier.js", import.meta.url));
const { LIBTORCH: _, CT_TORCH_ADDON: __, ...environment } = process.env;

let dir: string;
let cleanups: (() => unknown)[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "bad start a b ü-"));
  cleanups = [() => rmSync(dir, { recursive: true, force: true })];
  mkdirSync(join(dir, "nothing"));
});
afterEach(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
});

interface Start {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What runs Node.js, such as `setpriv`. */
  readonly through?: readonly string[];
  readonly nodeOptions?: readonly string[];
}

/** Runs the command line, with an addon folder and a cache that are its own. */
function run(args: readonly string[], { env = {}, through = [], nodeOptions = [] }: Start = {}) {
  const [command = "", ...rest] = [...through, process.execPath, ...nodeOptions, program, ...args];
  const own = { CT_TORCH_BUILD_DIR: join(dir, "addon"), XDG_CACHE_HOME: join(dir, "cache"), OMP_NUM_THREADS: "1" };
  const result = spawnSync(command, rest, {
    cwd: dir,
    env: { ...environment, ...own, ...env },
    encoding: "utf8",
    timeout: 50_000,
    killSignal: "SIGKILL",
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr, text: result.stdout + result.stderr };
}

/** A command that must fail with one sentence and a fix. @returns what it says */
function failure(args: readonly string[], start?: Start): string {
  const { code, stderr, stdout } = run(args, start);
  expect(code, stderr).toBe(1);
  expect(stdout).toBe("");
  expect(stderr, "no stack trace").not.toMatch(/\n\s+at .*:\d+/);
  expect(stderr).toMatch(/\n {2}fix: /);
  return stderr;
}

/** What `doctor`, which loads LibTorch as a training does, says of it. */
function inDoctor(start: Start): string {
  const { code, stdout, text } = run(["doctor"], start);
  expect(code, text).toBe(2);
  expect(text, "no stack trace").not.toMatch(/\n\s+at .*:\d+/);
  expect(text).toMatch(/MISSING {2}LibTorch .*\n +fix: /);
  return stdout;
}

const noTools = () => ({ PATH: join(dir, "nothing") });

/** A folder that looks like LibTorch: a version, and a library that begins as one for a machine does. */
function fakeLibTorch(version: string, machine: number | undefined): string {
  const folder = join(dir, `libtorch ${version} ${machine}`);
  mkdirSync(join(folder, "include/torch/csrc/api/include/torch"), { recursive: true });
  mkdirSync(join(folder, "lib"));
  writeFileSync(join(folder, "include/torch/csrc/api/include/torch/version.h"), `#define TORCH_VERSION "${version}"\n`);
  const elf = Buffer.alloc(64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  elf.writeUInt16LE(machine ?? 0, 18);
  if (machine !== undefined) writeFileSync(join(folder, "lib/libtorch_cpu.so"), elf);
  return folder;
}

const isLinux = process.platform === "linux";
const [own, other] = process.arch === "arm64" ? [183, 62] : [62, 183];

test.runIf(isLinux)("a LibTorch that cannot be used is named, with what was expected", () => {
  const cases: [string, RegExp][] = [
    [join(dir, "nowhere"), /^LIBTORCH is .*nowhere, but there is no LibTorch: .*version\.h is missing/],
    [fakeLibTorch("1.8.2", own), /^LibTorch 1\.8\.2 \(.*\) cannot be used: expected version 1\.13 or newer\n/],
    [fakeLibTorch("2.7.1", other), /cannot be used: it was made for \w+, and this Node\.js is for \w+\n/],
    [fakeLibTorch("2.7.0", undefined), /cannot be used: .*libtorch_cpu\.so is missing\n/],
  ];
  for (const [folder, message] of cases) {
    const text = failure(["setup"], { env: { LIBTORCH: folder } });
    expect(text).toMatch(message);
    expect(text).toMatch(/\n {2}fix: set (it|LIBTORCH) to .*, or unset it/);
  }
  expect(inDoctor({ env: { LIBTORCH: cases[1]?.[0] } })).toContain("LibTorch 1.8.2");
});

test.runIf(isLinux)(
  "without compiler and CMake the command that installs them is named, and which addon does not fit",
  () => {
    const missing = /has to be compiled, and CMake and a C\+\+ compiler are missing\n {2}fix: .*cmake/;
    expect(failure(["setup"], { env: noTools() })).toMatch(missing);

    // An addon of another LibTorch is there: its content would end the process, were it loaded.
    const libtorch = locateLibTorch();
    const fake = fakeLibTorch("2.7.1", own);
    writeFileSync(join(dir, "addon/ct_torch.node"), "not a library");
    const path = realpathSync(join(libtorch?.libDir ?? "", "libtorch_cpu.so"));
    const { size, mtimeMs } = statSync(path);
    const info = { libtorch, library: { path, size, mtimeMs }, variable: "", origin: "built", contentHash: "" };
    writeFileSync(join(dir, "addon/build-info.json"), JSON.stringify(info));
    const both = failure(["setup"], { env: { ...noTools(), LIBTORCH: fake } });
    expect(both).toMatch(missing);
    expect(both).toContain(`is for LibTorch ${libtorch?.version} (${libtorch?.libDir}): an addon for LibTorch 2.7.1`);
    expect(inDoctor({ env: { ...noTools(), LIBTORCH: fake } })).toContain(`is for LibTorch ${libtorch?.version}`);

    // The one that LibTorch's own file has replaced since.
    writeFileSync(
      join(dir, "addon/build-info.json"),
      JSON.stringify({ ...info, library: { path, size: 1, mtimeMs }, libtorch: { ...libtorch, version: "1.12.0" } }),
    );
    expect(inDoctor({ env: noTools() })).toContain("is for LibTorch 1.12.0");
    expect(readFileSync(join(dir, "addon/ct_torch.node"), "utf8")).toBe("not a library");
  },
);

test.runIf(isLinux)("an addon never loads another LibTorch that LD_LIBRARY_PATH puts before its own", () => {
  const ready = run(["doctor", "--json"], { env: { CT_TORCH_BUILD_DIR: undefined } });
  expect(ready.code, ready.text).toBe(0);
  const libtorch = locateLibTorch();
  const library = realpathSync(join(libtorch?.libDir ?? "", "libtorch_cpu.so"));
  const name = (library.split("/").at(-1) ?? "").replace(/(\.so\.\d+\.\d+)\.\d+$/, "$1");
  mkdirSync(join(dir, "other"));
  writeFileSync(join(dir, "other", name), "another LibTorch");
  const env = { CT_TORCH_BUILD_DIR: undefined, LD_LIBRARY_PATH: [join(dir, "other"), "/usr/lib"].join(delimiter) };
  const text = inDoctor({ env });
  expect(text).toContain(`was made for LibTorch ${libtorch?.version}`);
  expect(text).toContain(`LD_LIBRARY_PATH has another one before it: ${join(dir, "other", name)}`);
});

test.runIf(isLinux)(
  "a LibTorch without CMake's files is refused, and what CMake refuses is shown with its last words",
  () => {
    const folder = fakeLibTorch("2.7.1", own);
    const text = failure(["setup"], { env: { LIBTORCH: folder } });
    expect(text).toMatch(/LibTorch 2\.7\.1 \(.*\) cannot be compiled against: .*TorchConfig\.cmake is missing\n/);
    // Not those of another LibTorch, where one is installed.
    mkdirSync(join(folder, "share/cmake/Torch"), { recursive: true });
    writeFileSync(
      join(folder, "share/cmake/Torch/TorchConfig.cmake"),
      'message(FATAL_ERROR "this one is \\"broken\\"")',
    );
    const broken = failure(["setup"], { env: { LIBTORCH: folder } });
    expect(broken).toMatch(/cmake .*failed with exit code 1:[\s\S]*this one is "broken"[\s\S]*\n {2}fix: install what/);
    expect(existsSync(join(dir, "addon/ct_torch.node"))).toBe(false);
    expect(existsSync(join(dir, "addon/lock"))).toBe(false);
  },
);

test.runIf(isLinux)("no LibTorch: every command names the ways to one", (context) => {
  const hide =
    'for d in /usr/include/torch /usr/local/include/torch; do [ ! -d $d ] || mount -t tmpfs tmpfs $d; done; exec "$@"';
  const through = ["unshare", "-m", "sh", "-c", hide, "sh"];
  if (spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" }).status !== 0)
    context.skip("hiding LibTorch takes root");
  // Neither a Python with torch.
  for (const command of ["sh", "mount"]) {
    const path = spawnSync("sh", ["-c", `command -v ${command}`], { encoding: "utf8" }).stdout.trim();
    symlinkSync(path, join(dir, "nothing", command));
  }
  const env = { ...noTools() };
  const start = { env, through: [realpathSync("/usr/bin/unshare"), ...through.slice(1)] };
  const ways =
    /^LibTorch was not found\n {2}fix: .*\n {2}or npx classifier setup --download, which fetches LibTorch [\d.]+/;
  expect(failure(["setup"], start)).toMatch(ways);
  expect(inDoctor(start)).toContain("npx classifier setup --download");
});

test.runIf(isLinux)("a disk that is full or read-only while the addon is made is a sentence", (context) => {
  const addon = join(dir, "addon");
  const mount = (options: string) => {
    mkdirSync(addon, { recursive: true });
    if (spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", addon], { stdio: "ignore" }).status !== 0)
      context.skip("mounting a file system takes root");
    cleanups.push(() => spawnSync("umount", ["-l", addon]));
  };
  mount("size=100k");
  expect(failure(["setup"])).toMatch(/\n {2}fix: free space on the disk of .*addon/);
  expect(existsSync(join(addon, "ct_torch.node"))).toBe(false);
  mount("ro");
  expect(failure(["setup"])).toMatch(/cannot be (made|written).*\n {2}fix: .*may be written/);
});

test("an old Node.js is refused before it reads the program", () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } })";
  const nodeOptions = ["--import", `data:text/javascript,${encodeURIComponent(old)}`];
  expect(failure(["doctor"], { nodeOptions })).toContain(
    "classifier needs Node.js 20.19 or newer, and this is 18.20.8",
  );
  expect(readFileSync(program, "utf8")).not.toMatch(/^\s*import\s/m);
});

test("a package that was left out of an installation is one sentence with its command", async () => {
  const model = await writeTinyModel(dir);
  for (const name of ["onnxruntime-node", "sharp"]) {
    // As Node.js reports it where the folder is not there.
    const hook = `export const resolve = (specifier, context, next) => {
      if (specifier !== "${name}") return next(specifier, context);
      throw Object.assign(new Error("Cannot find package '${name}' imported from here"), { code: "ERR_MODULE_NOT_FOUND" });
    };`;
    const hooks = `data:text/javascript,${encodeURIComponent(hook)}`;
    const register = `import { register } from "node:module"; register(${JSON.stringify(hooks)});`;
    const nodeOptions = ["--import", `data:text/javascript,${encodeURIComponent(register)}`];
    const env = { CT_TORCH_BUILD_DIR: undefined };
    const { code, text } = run(["predict", model.bundle, model.image], { nodeOptions, env });
    expect(code).toBe(1);
    expect(text).toMatch(new RegExp(`the (npm )?package ${name} (is needed|cannot be loaded|is not installed)`));
    expect(text, "no stack trace").not.toMatch(/\n\s+at .*:\d+/);
    if (name === "onnxruntime-node") expect(text).toContain("  fix: npm install --ignore-scripts onnxruntime-node");
    const doctor = run(["doctor"], { nodeOptions, env });
    expect(doctor.code).toBe(2);
    expect(doctor.stdout).toMatch(/MISSING {2}(sharp|ONNX Runtime) .*\n +fix: npm install/);
  }
});

test.runIf(isLinux)("a user without a home folder is served, except where a cache is needed", (context) => {
  const through = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"];
  if (spawnSync("setpriv", [...through.slice(1), "test", "-r", program], { stdio: "ignore" }).status !== 0)
    context.skip("becoming another user takes root, and the checkout must be readable");
  chmodSync(dir, 0o777);
  const env = { CT_TORCH_BUILD_DIR: undefined, HOME: undefined, XDG_CACHE_HOME: undefined };
  const start = { through: [...through], env };
  expect(run(["doctor"], start)).toMatchObject({ code: 0 });
  expect(failure(["setup", "--download"], start)).toContain("this user has no home folder");
  expect(dirname(program)).toContain("bin");
});

test("setup --download says what it does not do", () => {
  expect(failure(["setup", "--download"], { env: { LIBTORCH: "/opt/libtorch" } })).toContain("LIBTORCH is set");
  expect(failure(["setup", "--download", "cu1"])).toMatch(
    /expected the build .*, received 'cu1'|no archive of LibTorch/,
  );
  expect(failure(["setup", "--download"], { env: { CLASSIFIER_OFFLINE: "1" } })).toContain("CLASSIFIER_OFFLINE is set");
  const closed = failure(["setup", "--download"], { env: { CLASSIFIER_LIBTORCH_MIRROR: "http://127.0.0.1:9/x" } });
  expect(closed).toMatch(
    /cannot be fetched: no connection: .*\n.*127\.0\.0\.1:9\/x\/cpu\/libtorch.*\.zip\n {2}fix: check the network/,
  );
});
