import { fileURLToPath } from "node:url";
import { internalError } from "@classifier-training/base";
import { GlobalFonts } from "@napi-rs/canvas";

/** Fonts are npm packages, so that a machine without any font installed renders the same text. */
const fontPackages = {
  "Jersey Alfa": ["alfa-slab-one", 400],
  "Jersey Anton": ["anton", 400],
  "Jersey Barlow": ["barlow-condensed", 700],
  "Jersey Bebas": ["bebas-neue", 400],
  "Jersey Bowlby": ["bowlby-one-sc", 400],
  "Jersey Changa": ["changa-one", 400],
  "Jersey Graduate": ["graduate", 400],
  "Jersey Oswald": ["oswald", 700],
  "Jersey Passion": ["passion-one", 700],
  "Jersey Quantico": ["quantico", 700],
  "Jersey Rubik": ["rubik", 700],
  "Jersey Russo": ["russo-one", 400],
  "Jersey Saira": ["saira-extra-condensed", 700],
  "Jersey Squada": ["squada-one", 400],
  "Jersey Teko": ["teko", 600],
} as const;

export type JerseyFont = keyof typeof fontPackages;

/** The families that jersey numbers are rendered in. */
export const jerseyFonts = Object.keys(fontPackages) as JerseyFont[];

let registered = false;

/** Makes the families above known to the canvas. Safe to call again. */
export function registerFonts(): void {
  if (registered) return;
  for (const [family, [name, weight]] of Object.entries(fontPackages)) {
    const url = import.meta.resolve(`@fontsource/${name}/files/${name}-latin-${weight}-normal.woff2`);
    if (!GlobalFonts.registerFromPath(fileURLToPath(url), family)) {
      throw internalError(`the font file ${url} could not be registered`);
    }
  }
  registered = true;
}
