// Runs smoke.mjs under a memory checker: `node native/check-memory.mjs asan` or `valgrind`. Built-in modules only.
// asan builds a second addon with AddressSanitizer into build-asan and preloads its library into Node; valgrind takes
// the addon as it is, and looks at reads, writes and frees that are not allowed in it or below it.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const smoke = join(here, "smoke.mjs");
const tool = process.argv[2] ?? "asan";

function run(command, args, env) {
  return (
    spawnSync(command, args, { stdio: "inherit", env: { ...process.env, OMP_NUM_THREADS: "1", ...env } }).status ?? 1
  );
}

function asan() {
  const buildDir = join(here, "..", "build", "asan");
  const env = { CT_TORCH_BUILD_DIR: buildDir };
  const status = run(process.execPath, [join(here, "build.mjs"), "--sanitize"], env);
  if (status !== 0) return status;
  const library = execFileSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
  // Node and V8 free nothing at exit, so that leaks are looked for by the tests' counters instead.
  const options = "detect_leaks=0:abort_on_error=0:exitcode=66:alloc_dealloc_mismatch=0";
  // The caching allocator would hide what is done to freed blocks.
  const checked = { ...env, LD_PRELOAD: library, ASAN_OPTIONS: options, CT_ALLOCATOR: "system" };
  return run(process.execPath, ["--expose-gc", smoke], checked);
}

function valgrind() {
  const folder = mkdtempSync(join(tmpdir(), "ct-valgrind-"));
  const log = join(folder, "log");
  // V8 reads values that memcheck calls undefined, by design; --jitless spares it the generated code.
  const args = ["--tool=memcheck", "--undef-value-errors=no", "--smc-check=all-non-file", `--log-file=${log}`];
  try {
    writeFileSync(log, "");
    const status = run(
      "valgrind",
      [...args, process.execPath, "--jitless", "--single-threaded", "--expose-gc", smoke],
      {},
    );
    const text = readFileSync(log, "utf8");
    const ours = text
      .split(/\n==\d+== \n/)
      .filter((block) => /Invalid (read|write|free)|Mismatched free/.test(block) && block.includes("ct_torch.node"));
    process.stdout.write(`${text.split("\n").slice(-3).join("\n")}\n${ours.join("\n\n")}\n`);
    process.stdout.write(`valgrind: ${ours.length} invalid accesses with the addon on the stack\n`);
    return status !== 0 ? status : ours.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

process.exitCode = tool === "valgrind" ? valgrind() : asan();
