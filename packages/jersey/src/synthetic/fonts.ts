import { createRequire } from "node:module";
import { CtError, internalError } from "@classifier-training/base";
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

/**
 * Finds files of the fonts, which are a package of their own: whoever renders nothing does without 14 MB.
 * @throws CtError when it is not installed
 */
function fontsPackage(): NodeJS.Require {
  const name = "@classifier-training/jersey-fonts";
  try {
    return createRequire(import.meta.resolve(`${name}/package.json`));
  } catch (cause) {
    throw new CtError({
      code: "jersey/fonts",
      what: "the fonts that jersey numbers are rendered in are not installed",
      fix: `npm install ${name}`,
      cause,
    });
  }
}

/** Makes the families above known to the canvas. Safe to call again. */
export function registerFonts(): void {
  if (registered) return;
  const { resolve } = fontsPackage();
  for (const [family, [name, weight]] of Object.entries(fontPackages)) {
    const path = resolve(`@fontsource/${name}/files/${name}-latin-${weight}-normal.woff2`);
    if (!GlobalFonts.registerFromPath(path, family)) {
      throw internalError(`the font file ${path} could not be registered`);
    }
  }
  registered = true;
}
