import type { Rng } from "@classifier-training/base";
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { drawBackground, drawFolds, drawLight, type Size } from "./cloth.ts";
import { type JerseyFont, jerseyFonts, registerFonts } from "./fonts.ts";
import { type ColorName, colorNames, css, isReadable, readablePair, teamColors, vary } from "./palette.ts";

/** What distinguishes one rendered jersey from another. */
export interface JerseyStyle {
  readonly font: JerseyFont;
  readonly jersey: ColorName;
  readonly number: ColorName;
  /** The outline of the digits; undefined for none. */
  readonly border: ColorName | undefined;
}

export function randomStyle(rng: Rng, fixed: { jersey?: ColorName; number?: ColorName } = {}): JerseyStyle {
  const { jersey, number } = colors(rng, fixed);
  const font = jerseyFonts[rng.integer(jerseyFonts.length)] as JerseyFont;
  const borders = colorNames.filter((name) => name !== number && (name === jersey || isReadable(name, number)));
  const border = rng.chance(0.65) ? borders[rng.integer(borders.length)] : undefined;
  return { font, jersey, number, border };
}

function colors(rng: Rng, fixed: { jersey?: ColorName; number?: ColorName }): { jersey: ColorName; number: ColorName } {
  if (fixed.jersey !== undefined && fixed.number !== undefined) return { jersey: fixed.jersey, number: fixed.number };
  for (;;) {
    const pair = { ...readablePair(rng), ...fixed };
    if (isReadable(pair.jersey, pair.number)) return pair;
  }
}

/** A rendered image: RGBA, row-major, `width * height * 4` bytes. */
export interface RenderedImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8ClampedArray;
}

/**
 * Renders a number on cloth as a camera sees it: rotated, sheared, wrapped around a body, lit from one side. The image
 * is cropped around the number as a detector's box is: two digits give a wider image than one, though not twice as wide.
 *
 * @param text the number, one to three digits
 * @param height in pixels; the width follows from the number
 */
export function renderJersey(text: string, style: JerseyStyle, height: number, rng: Rng): RenderedImage {
  registerFonts();
  const ink = layOut(text, style, height, rng);
  const { width } = ink;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = css(vary(teamColors[style.jersey], 18, rng));
  context.fillRect(0, 0, width, height);
  const size = { width, height };
  if (ink.named) drawName(context, style, size, rng, "above");
  if (rng.chance(0.12)) drawName(context, style, size, rng, "below");
  drawBackground(context, teamColors[style.border ?? style.number], size, rng);
  drawFolds(context, size, rng);
  drawNumber(context, text, style, ink, size, rng);
  drawFolds(context, size, rng);
  drawLight(context, size, rng);
  return { width, height, pixels: context.getImageData(0, 0, width, height).data };
}

/** Size of the number and width of the image, in pixels. */
interface Layout {
  readonly fontSize: number;
  readonly stretch: number;
  /** From the middle of the ink down to the baseline. */
  readonly baseline: number;
  /** Where the middle of the ink is, from the top of the image. */
  readonly middle: number;
  readonly width: number;
  /** Whether a team's or player's name stands above the number. */
  readonly named: boolean;
}

/** Minimum and maximum width of an image as a fraction of its height, by the number of digits. */
const widths: Record<number, readonly [number, number]> = { 1: [0.52, 0.88], 2: [0.62, 1.1], 3: [0.8, 1.4] };

function layOut(text: string, style: JerseyStyle, height: number, rng: Rng): Layout {
  const context = createCanvas(1, 1).getContext("2d");
  const named = rng.chance(0.6);
  const fraction = rng.uniform(0.4, 0.82);
  context.font = `${height}px "${style.font}"`;
  const box = context.measureText(text);
  const inkHeight = box.actualBoundingBoxAscent + box.actualBoundingBoxDescent;
  const scale = (height * fraction) / inkHeight;
  const width = Math.round(height * rng.uniform(...(widths[text.length] as [number, number])));
  const inkWidth = (box.actualBoundingBoxLeft + box.actualBoundingBoxRight) * scale;
  return {
    fontSize: height * scale,
    // On a body seen from the side the number is narrower.
    stretch: Math.min(rng.uniform(0.5, 1), (0.94 * width) / inkWidth),
    baseline: (inkHeight / 2 - box.actualBoundingBoxDescent) * scale,
    // A name pushes the number down, as far as there is room.
    middle: height * (named ? 0.5 + rng.uniform(0.1, 0.9) * ((1 - fraction) / 2) : rng.uniform(0.44, 0.56)),
    named,
    width,
  };
}

/** A team's or player's name, cropped by the edge of the image. */
function drawName(
  context: SKRSContext2D,
  style: JerseyStyle,
  { width, height }: Size,
  rng: Rng,
  where: "above" | "below",
): void {
  const letters = Array.from({ length: 4 + rng.integer(6) }, () => String.fromCharCode(65 + rng.integer(26)));
  const letterHeight = height * rng.uniform(0.16, 0.32);
  const boldness = letterHeight * rng.uniform(0, 0.16);
  const radius = height * rng.uniform(0.7, 3);
  const step = (letterHeight * 0.62) / radius;
  context.save();
  context.font = `${letterHeight}px "${style.font}"`;
  context.textAlign = "center";
  context.fillStyle = css(vary(teamColors[rng.chance(0.5) ? style.number : (style.border ?? style.number)], 16, rng));
  context.strokeStyle = context.fillStyle;
  context.lineWidth = boldness;
  const top = where === "above" ? letterHeight * rng.uniform(0, 0.75) : height + letterHeight * rng.uniform(0.1, 0.7);
  context.translate(width * rng.uniform(0.35, 0.65), radius + top);
  context.rotate((-step * (letters.length - 1)) / 2);
  for (const letter of letters) {
    context.fillText(letter, 0, -radius);
    if (boldness > 0) context.strokeText(letter, 0, -radius);
    context.rotate(step);
  }
  context.restore();
}

function drawNumber(
  context: SKRSContext2D,
  text: string,
  style: JerseyStyle,
  { fontSize, stretch, baseline, middle }: Layout,
  { width }: Size,
  rng: Rng,
): void {
  context.font = `${fontSize}px "${style.font}"`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  const angle = (rng.uniform(-14, 14) * Math.PI) / 180;
  context.save();
  context.translate(width * (0.5 + rng.uniform(-0.07, 0.07)), middle);
  context.rotate(angle);
  context.transform(1, rng.uniform(-0.14, 0.14), rng.uniform(-0.22, 0.22), 1, 0, 0);
  context.scale(stretch, 1);
  context.translate(0, baseline);
  if (style.border !== undefined) {
    const lineWidth = fontSize * rng.uniform(0.06, 0.14);
    if (rng.chance(0.3)) {
      // A second border around the first, in the number's own color or the cloth's.
      context.strokeStyle = css(vary(teamColors[rng.chance(0.6) ? style.number : style.jersey], 14, rng));
      context.lineWidth = lineWidth * rng.uniform(1.5, 2.2);
      context.strokeText(text, 0, 0);
    }
    context.strokeStyle = css(vary(teamColors[style.border], 12, rng));
    context.lineWidth = lineWidth;
    context.strokeText(text, 0, 0);
  }
  context.fillStyle = css(vary(teamColors[style.number], 14, rng));
  if (rng.chance(0.7)) {
    // Heavier strokes than the font has, as sewn-on numbers are.
    context.strokeStyle = context.fillStyle;
    context.lineWidth = fontSize * rng.uniform(0.01, 0.09);
    context.strokeText(text, 0, 0);
  }
  context.fillText(text, 0, 0);
  context.restore();
}
