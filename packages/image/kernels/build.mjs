// Compiles the kernels to WebAssembly and writes src/kernels/module.generated.ts. Needs clang 14 or later with lld
// (Debian: apt install clang lld); only whoever changes a kernel has to run it: npm run kernels -w packages/image
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourceHash } from "../../../scripts/generated.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const sources = readdirSync(folder)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();

const clang = process.env.CLANG ?? ["clang", "clang-14"].find(works) ?? "clang";
const temporary = mkdtempSync(join(tmpdir(), "kernels-"));
const output = join(temporary, "kernels.wasm");
const flags = [
  "-O3",
  "-msimd128",
  "-mbulk-memory",
  "-mnontrapping-fptoint",
  "-nostdlib",
  "-ffreestanding",
  "-fno-math-errno",
  "-Wall",
  "-Wextra",
];
const linker = [
  "--no-entry",
  "--import-memory",
  "--export=__heap_base",
  "-z,stack-size=65536",
  "--stack-first",
  "--strip-all",
];
execFileSync(
  clang,
  [
    "--target=wasm32",
    ...flags,
    ...linker.map((flag) => `-Wl,${flag}`),
    ...sources.filter((n) => n.endsWith(".c")),
    "-o",
    output,
  ],
  { cwd: folder, stdio: "inherit" },
);
const base64 = readFileSync(output).toString("base64");
rmSync(temporary, { recursive: true });
writeFileSync(
  join(folder, "../src/kernels/module.generated.ts"),
  `// Made by kernels/build.mjs from kernels/*.c; not edited by hand.
export const sourceHash = "${sourceHash(sources.map((name) => `packages/image/kernels/${name}`))}";
export const kernelsBase64 =
  "${base64}";
`,
);
process.stdout.write(`kernels: ${Math.round((base64.length * 3) / 4)} bytes of WebAssembly\n`);

function works(name) {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
