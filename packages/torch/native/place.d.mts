/** What the build wrote beside the addon. */
export interface BuildInfo {
  readonly libtorch: { readonly kind: string; readonly version: string; readonly libDir: string };
  /** LibTorch's own file as it was. */
  readonly library?: { readonly path: string; readonly size: number; readonly mtimeMs: number };
  /** Compiled here, or taken from a platform package. */
  readonly origin: "built" | "prebuilt";
  readonly node: string;
  readonly builtAt: string;
}
export function addonFolder(): string;
export function buildInfo(): BuildInfo | undefined;
export function readyAddon(): string | undefined;
/** Something is missing or does not fit; the message says what, and what to do. */
export class BuildError extends Error {}
