import { createHash } from "node:crypto";
import { strToU8, type Zippable, zipSync } from "fflate";
import type { ArchiveTable } from "../src/libtorch/index.ts";

/** A member of a zip archive that was made on Unix. */
export function member(content: string, mode = 0o100644): Zippable[string] {
  return [strToU8(content), { os: 3, attrs: (mode << 16) >>> 0 }];
}

export const link = (target: string) => member(target, 0o120777);

/** An archive with the layout of LibTorch's, and almost nothing in it. */
export const layout: Zippable = {
  "libtorch/build-version": member("2.7.1+cpu"),
  "libtorch/include/torch/csrc/api/include/torch/version.h": member('#define TORCH_VERSION "2.7.1"\n'),
  "libtorch/lib/libtorch_cpu.so": member("ELF".repeat(100_000)),
  "libtorch/lib/libtorch.so": link("libtorch_cpu.so"),
  "libtorch/bin/torch_shm_manager": member("#!/bin/sh\n", 0o100755),
};

/** Not compressed, so that there is something to transfer. */
export const zip = (members: Zippable, level: 0 | 9 = 0): Uint8Array => zipSync(members, { level });

/** The table that pins an archive for this machine. */
export function tableFor(
  url: string,
  archive: Uint8Array,
  pinned: { sha256?: string; bytes?: number } = {},
): ArchiveTable {
  const sha256 = createHash("sha256").update(archive).digest("hex");
  const build = { url, sha256, bytes: archive.length, ...pinned };
  return { version: "2.7.1", glibc: "2.0", builds: { [`${process.platform}-${process.arch}`]: { cpu: build } } };
}
