import { open } from "node:fs/promises";

/** What a file is by its first bytes, when it is what servers send instead of a file; undefined for anything else. */
export function pageProblem(start: Uint8Array): string | undefined {
  const text = Buffer.from(start)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .trimStart()
    .toLowerCase();
  if (/^(<!doctype html|<html|<head|<body|<\?xml|<error>|<!--)/.test(text)) return "a web page";
  if (text.startsWith("version https://git-lfs")) return "a pointer of Git LFS";
  return undefined;
}

/** Enough of a file for `pageProblem`. */
export async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(256), 0, 256, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
