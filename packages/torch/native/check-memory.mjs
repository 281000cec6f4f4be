// Runs the addon under a memory checker: `node native/check-memory.mjs asan` or `valgrind`. Built-in modules only.
//
// asan builds a second addon with AddressSanitizer and UndefinedBehaviorSanitizer into build/asan, preloads their
// library into Node, and runs smoke.mjs and the grid of convolutions with each set of kernels, then the tests of src (or
// those named after `asan`).
//
// valgrind takes the addon as it is through smoke.mjs and a part of the grid, and looks at reads, writes and frees that are
// not allowed in it or below it (LibTorch called by it). It knows no AVX-512: the portable and the AVX2 kernels are run.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const project = join(here, "..", "..", "..");
const smoke = join(here, "smoke.mjs");
const grid = join(here, "memory", "grid.mjs");
const [tool = "asan", ...tests] = process.argv.slice(2);

function say(text) {
  process.stdout.write(`${tool}: ${text}\n`);
}

function run(command, args, env) {
  const environment = { ...process.env, OMP_NUM_THREADS: "1", ...env };
  const result = spawnSync(command, args, { stdio: "inherit", env: environment, cwd: project });
  if (result.error) say(`${command} cannot be started (${result.error.message}): install it`);
  return result.status ?? 1;
}

/** The object files of the addon that were compiled without the sanitizers. */
function unchecked(tree) {
  const objects = readdirSync(tree, { recursive: true }).filter((name) => name.endsWith(".o"));
  if (objects.length === 0) return ["all: no object file was found"];
  return objects.filter((name) => {
    const symbols = execFileSync("nm", ["-u", join(tree, name)], { encoding: "utf8" });
    return !symbols.includes("__asan_") || !symbols.includes("__ubsan_");
  });
}

function asan() {
  const buildDir = join(here, "..", "build", "asan");
  const env = { CT_TORCH_BUILD_DIR: buildDir };
  const built = run(process.execPath, [join(here, "build.mjs"), "--sanitize"], env);
  if (built !== 0) return built;
  const bare = unchecked(join(buildDir, `cmake-${process.arch}`));
  if (bare.length > 0) {
    say(`not instrumented: ${bare.join(", ")}`);
    return 1;
  }
  const checked = {
    ...env,
    LD_PRELOAD: execFileSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim(),
    // Node and V8 free nothing at exit, so that leaks are looked for by the tests' counters instead. LibTorch allocates
    // in one library and frees in another by its own rules.
    ASAN_OPTIONS: "detect_leaks=0:exitcode=66:alloc_dealloc_mismatch=0",
    UBSAN_OPTIONS: "print_stacktrace=1",
    // The caching allocator would hide what is done to freed blocks; its own test is run apart.
    CT_ALLOCATOR: "system",
  };
  for (const kernels of ["baseline", "avx2", "avx512", "avx512bf16"]) {
    const set = { ...checked, CT_KERNELS: kernels };
    const status =
      run(process.execPath, ["--expose-gc", smoke], set) ||
      run(process.execPath, [grid, "7"], { ...set, CT_AMX: "0" }) ||
      run(process.execPath, [grid, "7"], { ...set, CT_AMX: "1" });
    if (status !== 0) return status;
  }
  const vitest = join(project, "node_modules", "vitest", "vitest.mjs");
  const source = relative(project, join(here, "..", "src"));
  const test = (names, env) =>
    run(process.execPath, [vitest, "run", "--maxWorkers=1", "--testTimeout=600000", ...names], { ...checked, ...env });
  if (tests.length > 0) return test(tests, {});
  return test([source], {}) || test([`${source}/scope.test.ts`, "-t", "memory of freed tensors"], { CT_ALLOCATOR: "" });
}

function valgrind() {
  const folder = mkdtempSync(join(tmpdir(), "ct-valgrind-"));
  try {
    for (const kernels of ["baseline", "avx2"]) {
      say(`the ${kernels} kernels (CT_KERNELS); valgrind cannot execute those for AVX-512`);
      const status =
        memcheck(join(folder, kernels), kernels, [smoke]) || memcheck(join(folder, kernels), kernels, [grid, "59"]);
      if (status !== 0) return status;
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function memcheck(log, kernels, script) {
  writeFileSync(log, "");
  // V8 reads values that memcheck calls undefined, by design; --jitless spares it the generated code.
  const options = ["--tool=memcheck", "--undef-value-errors=no", "--smc-check=all-non-file", `--log-file=${log}`];
  options.push("--num-callers=40"); // enough to see the addon below LibTorch's frames
  const node = [process.execPath, "--jitless", "--single-threaded", "--expose-gc", ...script];
  const status = run("valgrind", [...options, ...node], { CT_KERNELS: kernels, CT_ALLOCATOR: "system" });
  const text = readFileSync(log, "utf8");
  const ours = text
    .split(/\n==\d+== \n/)
    .filter((block) => /Invalid (read|write|free)|Mismatched free/.test(block) && block.includes("ct_torch.node"));
  process.stdout.write(`${text.split("\n").slice(-3).join("\n")}\n${ours.join("\n\n")}\n`);
  say(`${ours.length} invalid accesses with the addon on the stack`);
  return status !== 0 ? status : ours.length > 0 ? 1 : 0;
}

process.exitCode = tool === "valgrind" ? valgrind() : asan();
