// Whether a LibTorch that was found can be used at all: asked before anything is compiled or loaded. Built-in modules only.
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { libraryPath } from "./place.mjs";

/** The oldest LibTorch that the sources of the addon compile with. */
const oldest = "1.13";

/** What the architecture is called in the header of a library: of ELF (Linux), Mach-O (macOS) and PE (Windows). */
const architectures = {
  elf: { 62: "x64", 183: "arm64", 3: "ia32", 40: "arm", 243: "riscv64", 22: "s390x", 21: "ppc64" },
  macho: { 16777223: "x64", 16777228: "arm64" },
  pe: { 34404: "x64", 43620: "arm64", 332: "ia32" },
};

/**
 * The reason why a LibTorch cannot be used by this Node.js, as a sentence; undefined where it can.
 * @param {import("./locate.mjs").LibTorch} libtorch
 */
export function whyUnusable({ version, libDir }) {
  const named = `LibTorch ${version} (${libDir}) cannot be used`;
  if (version.localeCompare(oldest, "en", { numeric: true }) < 0)
    return `${named}: expected version ${oldest} or newer`;
  const library = libraryPath(libDir);
  if (!existsSync(library)) return `${named}: ${library} is missing`;
  const architecture = architectureOf(library);
  if (architecture === undefined || architecture === process.arch) return undefined;
  return `${named}: it was made for ${architecture}, and this Node.js is for ${process.arch}`;
}

/** @returns {string | undefined} the architecture in Node's words; undefined where the file does not tell */
function architectureOf(path) {
  const head = Buffer.alloc(1024);
  const file = openSync(path, "r");
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (length < 64) return undefined;
  if (head.readUInt32BE(0) === 0x7f454c46)
    return architectures.elf[head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18)];
  if (head.readUInt32LE(0) === 0xfeedfacf) return architectures.macho[head.readUInt32LE(4)];
  const pe = head.readUInt16LE(0) === 0x5a4d ? head.readUInt32LE(60) : head.length;
  return pe + 6 <= length ? architectures.pe[head.readUInt16LE(pe + 4)] : undefined;
}
