import { fileURLToPath } from "node:url";
import { internalError } from "@classifier-training/base";
import { GlobalFonts } from "@napi-rs/canvas";

/** The family of every label on an image or chart: an npm package, so that a machine without fonts renders the same text. */
export const textFont = "Text Inter";

let registered = false;

/** Makes the family known to the canvas. Safe to call again. */
export function registerFonts(): void {
  if (registered) return;
  const url = import.meta.resolve("@fontsource/inter/files/inter-latin-500-normal.woff2");
  if (!GlobalFonts.registerFromPath(fileURLToPath(url), textFont)) {
    throw internalError(`the font file ${url} could not be registered`);
  }
  registered = true;
}
