import { createRequire } from "node:module";
import { ImageError } from "../errors.ts";

export type Sharp = typeof import("sharp")["default"];

/** sharp is an optional peer: it is much larger than this package, and pixels and some formats need none. */
const isInstalled = (() => {
  try {
    createRequire(import.meta.url).resolve("sharp");
    return true;
  } catch {
    return false;
  }
})();

/** Larger plain JPEG files go to sharp, which does not block the thread; without it none are too large. */
export const largestPlainJpeg = isInstalled
  ? { bytes: 1 << 20, pixels: 1 << 21 }
  : { bytes: 1 << 28, pixels: 100_000_000 };

let loading: Promise<Sharp> | undefined;

/** @param purpose what it is needed for @throws ImageError `image/sharp` where it is not installed, or not for this platform */
export function loadSharp(purpose: string): Promise<Sharp> {
  loading ??= importSharp(purpose);
  return loading;
}

async function importSharp(purpose: string): Promise<Sharp> {
  try {
    const { default: sharp } = await import("sharp");
    // One thread per image: parallelism comes from the workers, and a rival thread pool would starve the training step.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  } catch (cause) {
    loading = undefined;
    const why = isInstalled ? "cannot be loaded on this platform" : "is not installed";
    throw new ImageError({
      code: "image/sharp",
      what: `${purpose}: the package sharp ${why}`,
      fix: `npm install ${isInstalled ? "--include=optional " : ""}sharp`,
      cause,
    });
  }
}
