/** Where LibTorch is. */
export interface LibTorch {
  readonly kind: "LIBTORCH" | "download" | "debian" | "homebrew" | "python";
  readonly version: string;
  /** The folder of libtorch_cpu. */
  readonly libDir: string;
}

/** The native addon, as `makeAddon` left it. */
export interface Addon {
  readonly path: string;
  /** It was there, was taken from a platform package, or was compiled now. */
  readonly how: "ready" | "prebuilt" | "built";
  readonly seconds: number;
  readonly libtorch: LibTorch;
}

export { BuildError } from "./place.mjs";

/** @throws BuildError when `LIBTORCH` names a folder without LibTorch */
export function locateLibTorch(): LibTorch | undefined;

/**
 * Makes the addon for this LibTorch and this Node, unless it is there.
 * @throws BuildError
 */
export function makeAddon(options?: { onProgress?: (line: string) => void; force?: boolean }): Promise<Addon>;

/** What came of it, in words. */
export function describeAddon(addon: Addon): string;

/** Writes progress as one line of a terminal, or a line for each quarter. */
export function progressLines(
  write: (text: string) => void,
  isTerminal: boolean,
  prefix?: string,
): (line: string) => void;

/** The command that installs what is missing on this platform, and the other ways, as lines of a fix. */
export function installAdvice(missing: { libtorch?: boolean; tools?: boolean }): string;

/** Where this project keeps what it can make again, by kind. */
export function cacheFolder(kind: string): string;
