/** What the build wrote beside the addon. */
export interface BuildInfo {
  readonly libtorch: { readonly kind: string; readonly version: string; readonly libDir: string };
  /** Compiled here, or taken from a platform package. */
  readonly origin: "built" | "prebuilt";
  readonly node: string;
  readonly builtAt: string;
}
export function addonFolder(): string;
export function buildInfo(): BuildInfo | undefined;
export function readyAddon(): string | undefined;
