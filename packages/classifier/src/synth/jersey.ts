import type { Rng } from "@classifier-training/base";
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { type FontFamily, jerseyFonts, registerFonts } from "../drawing/fonts.ts";
import { type ColourName, colourNames, css, isReadable, type Rgb, readablePair, teamColours, vary } from "./palette.ts";

/** Everything that tells one drawn jersey from another. */
export interface JerseyStyle {
  readonly font: FontFamily;
  readonly jersey: ColourName;
  readonly number: ColourName;
  /** The colour around the digits; undefined for none. */
  readonly border: ColourName | undefined;
}

export function randomStyle(rng: Rng, fixed: { jersey?: ColourName; number?: ColourName } = {}): JerseyStyle {
  const { jersey, number } = colours(rng, fixed);
  const font = jerseyFonts[rng.integer(jerseyFonts.length)] as FontFamily;
  const borders = colourNames.filter((name) => name !== number && (name === jersey || isReadable(name, number)));
  const border = rng.chance(0.5) ? borders[rng.integer(borders.length)] : undefined;
  return { font, jersey, number, border };
}

function colours(
  rng: Rng,
  fixed: { jersey?: ColourName; number?: ColourName },
): { jersey: ColourName; number: ColourName } {
  if (fixed.jersey !== undefined && fixed.number !== undefined) return { jersey: fixed.jersey, number: fixed.number };
  for (;;) {
    const pair = { ...readablePair(rng), ...fixed };
    if (isReadable(pair.jersey, pair.number)) return pair;
  }
}

/**
 * Draws a number on cloth, as a camera sees it: turned, sheared, wrapped around a body, lit from one side.
 *
 * @param text the number, one or two digits
 * @param size width and height in pixels
 * @returns RGBA, row by row, `size * size * 4` bytes
 */
export function drawJersey(text: string, style: JerseyStyle, size: number, rng: Rng): Uint8ClampedArray {
  registerFonts();
  const canvas = createCanvas(size, size);
  const context = canvas.getContext("2d");
  const cloth = vary(teamColours[style.jersey], 18, rng);
  context.fillStyle = css(cloth);
  context.fillRect(0, 0, size, size);
  drawSurroundings(context, style, size, rng);
  drawFolds(context, size, rng);
  drawNumber(context, text, style, size, rng);
  drawFolds(context, size, rng);
  drawLight(context, size, rng);
  return context.getImageData(0, 0, size, size).data;
}

/** What else a crop shows: a stripe down the side, a name above, a piece of the court behind the player. */
function drawSurroundings(context: SKRSContext2D, style: JerseyStyle, size: number, rng: Rng): void {
  if (rng.chance(0.35)) drawName(context, style, size, rng);
  if (rng.chance(0.35)) {
    const colour = vary(teamColours[colourNames[rng.integer(colourNames.length)] as ColourName], 20, rng);
    const width = size * rng.uniform(0.05, 0.16);
    context.fillStyle = css(colour);
    context.fillRect(rng.chance(0.5) ? 0 : size - width, 0, width, size);
  }
  if (rng.chance(0.3)) {
    const court: Rgb = vary([196, 154, 108], 40, rng);
    context.fillStyle = css(court);
    context.beginPath();
    const left = rng.chance(0.5);
    const edge = size * rng.uniform(0.04, 0.14);
    context.moveTo(left ? 0 : size, 0);
    context.lineTo(left ? edge : size - edge, 0);
    context.lineTo(left ? edge * rng.uniform(0.2, 1.6) : size - edge * rng.uniform(0.2, 1.6), size);
    context.lineTo(left ? 0 : size, size);
    context.fill();
  }
}

/** The lower part of a team's or player's name, arched over the number and cut by the crop's edge. */
function drawName(context: SKRSContext2D, style: JerseyStyle, size: number, rng: Rng): void {
  const letters = Array.from({ length: 5 + rng.integer(5) }, () => String.fromCharCode(65 + rng.integer(26)));
  const height = size * rng.uniform(0.14, 0.26);
  const radius = size * rng.uniform(0.7, 3);
  const step = (height * 0.62) / radius;
  context.save();
  context.font = `${height}px "${style.font}"`;
  context.textAlign = "center";
  context.fillStyle = css(vary(teamColours[style.border ?? style.number], 16, rng));
  context.translate(size * rng.uniform(0.4, 0.6), radius + height * rng.uniform(0, 0.75));
  context.rotate((-step * (letters.length - 1)) / 2);
  for (const letter of letters) {
    context.fillText(letter, 0, -radius);
    context.rotate(step);
  }
  context.restore();
}

function drawNumber(context: SKRSContext2D, text: string, style: JerseyStyle, size: number, rng: Rng): void {
  const height = size * rng.uniform(0.52, 0.82);
  context.font = `${height}px "${style.font}"`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.lineJoin = "round";
  const box = context.measureText(text);
  const inkWidth = box.actualBoundingBoxLeft + box.actualBoundingBoxRight;
  const inkHeight = box.actualBoundingBoxAscent + box.actualBoundingBoxDescent;
  const fit = Math.min(1, (size * 0.9) / inkWidth, (size * 0.92) / inkHeight);
  const stretch = rng.uniform(0.85, 1.12);
  const angle = (rng.uniform(-14, 14) * Math.PI) / 180;
  context.save();
  context.translate(size * (0.5 + rng.uniform(-0.06, 0.06)), size * (0.5 + rng.uniform(-0.06, 0.06)));
  context.rotate(angle);
  context.transform(1, rng.uniform(-0.14, 0.14), rng.uniform(-0.22, 0.22), 1, 0, 0);
  context.scale(fit * stretch, fit);
  context.translate(0, inkHeight / 2 - box.actualBoundingBoxDescent);
  if (style.border !== undefined) {
    context.strokeStyle = css(vary(teamColours[style.border], 12, rng));
    context.lineWidth = height * rng.uniform(0.06, 0.14);
    context.strokeText(text, 0, 0);
  }
  context.fillStyle = css(vary(teamColours[style.number], 14, rng));
  context.fillText(text, 0, 0);
  context.restore();
}

/** Soft dark and light bands across the cloth. */
function drawFolds(context: SKRSContext2D, size: number, rng: Rng): void {
  const count = 1 + rng.integer(3);
  for (let i = 0; i < count; i++) {
    const angle = rng.uniform(-0.5, 0.5) + (rng.chance(0.7) ? Math.PI / 2 : 0);
    const middle = size * rng.uniform(0, 1);
    const width = size * rng.uniform(0.05, 0.22);
    const shade = rng.chance(0.6) ? "0, 0, 0" : "255, 255, 255";
    context.save();
    context.translate(size / 2, size / 2);
    context.rotate(angle);
    context.translate(-size / 2, -size / 2);
    const band = context.createLinearGradient(0, middle - width, 0, middle + width);
    band.addColorStop(0, `rgba(${shade}, 0)`);
    band.addColorStop(0.5, `rgba(${shade}, ${rng.uniform(0.06, 0.26)})`);
    band.addColorStop(1, `rgba(${shade}, 0)`);
    context.fillStyle = band;
    context.fillRect(-size, middle - width, 3 * size, 2 * width);
    context.restore();
  }
}

function drawLight(context: SKRSContext2D, size: number, rng: Rng): void {
  const angle = rng.uniform(0, 2 * Math.PI);
  const dx = (Math.cos(angle) * size) / 2;
  const dy = (Math.sin(angle) * size) / 2;
  const light = context.createLinearGradient(size / 2 - dx, size / 2 - dy, size / 2 + dx, size / 2 + dy);
  light.addColorStop(0, `rgba(0, 0, 0, ${rng.uniform(0, 0.4)})`);
  light.addColorStop(1, `rgba(255, 255, 255, ${rng.uniform(0, 0.18)})`);
  context.fillStyle = light;
  context.fillRect(0, 0, size, size);
}
