import { fileURLToPath } from "node:url";
import { internalError } from "@classifier-training/base";
import { createCanvas, GlobalFonts } from "@napi-rs/canvas";

/** The alphabets of Inter, from an npm package (OFL-1.1): a machine without fonts renders the same text. */
const alphabets = ["latin", "latin-ext", "vietnamese", "greek", "greek-ext", "cyrillic", "cyrillic-ext"];

/** A font file for what Inter does not have. */
const fontVariable = "CLASSIFIER_FONT";

/** What to do where `drawable` is false. */
export const fontAdvice = `install one (on Debian: fonts-noto-cjk), or set ${fontVariable} to a font file`;

const familyOf = (alphabet: string) => `Text Inter ${alphabet}`;
const given = "Text given";

let registered: string | undefined;

/** The value of a canvas' `font` for a text of that size in pixels. Characters that Inter lacks come from fonts of the machine. */
export function font(size: number): string {
  return `${size}px ${fontFamilies()}`;
}

/** The families of every label on an image or chart. */
export function fontFamilies(): string {
  if (registered !== undefined) return registered;
  for (const alphabet of alphabets) {
    const url = import.meta.resolve(`@fontsource/inter/files/inter-${alphabet}-500-normal.woff2`);
    if (!GlobalFonts.registerFromPath(fileURLToPath(url), familyOf(alphabet)))
      throw internalError(`the font file ${url} could not be registered`);
  }
  const own = process.env[fontVariable];
  const hasOwn = own !== undefined && own !== "" && GlobalFonts.registerFromPath(own, given) !== null;
  registered = [...alphabets.map(familyOf), ...(hasOwn ? [given] : [])].map((name) => `"${name}"`).join(", ");
  return registered;
}

const known = new Map<string, boolean>();

/** Whether a font has all characters of a text: what none has is rendered as boxes. */
export function drawable(text: string): boolean {
  for (const character of text) {
    const isPlain = character <= "\u024f";
    if (!isPlain && !known.has(character)) known.set(character, pixels(character) !== pixels(missing));
    if (!isPlain && known.get(character) === false) return false;
  }
  return true;
}

/** A code point for private use, which no font of text has. */
const missing = "\u{10fffd}";

function pixels(character: string): string {
  const canvas = createCanvas(24, 24);
  const context = canvas.getContext("2d");
  context.font = font(16);
  context.fillText(character, 4, 18);
  return Buffer.from(context.getImageData(0, 0, 24, 24).data.buffer).toString("latin1");
}
