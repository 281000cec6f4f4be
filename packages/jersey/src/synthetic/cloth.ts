import type { Rng } from "@classifier-training/base";
import type { SKRSContext2D } from "@napi-rs/canvas";
import { anyTeamColor, css, type Rgb, vary } from "./palette.ts";

const court: Rgb = [196, 154, 108];
const skin: Rgb = [140, 96, 72];
const crowd: Rgb = [48, 44, 50];

/** Of an image, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * What is not cloth: a stripe down the side; an arm, the court or the crowd beside the player; the neck.
 * @param trim the team's second color
 */
export function drawBackground(context: SKRSContext2D, trim: Rgb, size: Size, rng: Rng): void {
  const { width, height } = size;
  if (rng.chance(0.3)) {
    context.fillStyle = css(vary(anyTeamColor(rng), 20, rng));
    const stripe = width * rng.uniform(0.05, 0.16);
    context.fillRect(rng.chance(0.5) ? 0 : width - stripe, 0, stripe, height);
  }
  const seam = rng.chance(0.5) ? trim : anyTeamColor(rng);
  for (const side of [0, 1]) if (rng.chance(0.35)) drawSurroundings(context, side, seam, size, rng);
  if (rng.chance(0.25)) drawNeck(context, seam, size, rng);
}

function anySurroundings(rng: Rng): Rgb {
  return [court, skin, crowd][rng.integer(3)] as Rgb;
}

/** What is seen beside the cloth at the left (0) or right (1), with or without a seam. */
function drawSurroundings(context: SKRSContext2D, side: number, seam: Rgb, { width, height }: Size, rng: Rng): void {
  context.fillStyle = css(vary(anySurroundings(rng), 40, rng));
  const x = (fraction: number) => (side === 0 ? fraction : 1 - fraction) * width;
  const edge = rng.uniform(0.03, 0.18);
  const [top, bottom] = [edge * rng.uniform(0.2, 1.8), edge * rng.uniform(0.2, 1.8)];
  context.beginPath();
  context.moveTo(x(-0.1), 0);
  context.lineTo(x(top), 0);
  context.lineTo(x(edge), height / 2);
  context.lineTo(x(bottom), height);
  context.lineTo(x(-0.1), height);
  context.closePath();
  context.fill();
  if (rng.chance(0.5)) drawSeam(context, seam, height, rng);
}

function drawNeck(context: SKRSContext2D, seam: Rgb, { width, height }: Size, rng: Rng): void {
  const radius = height * rng.uniform(0.2, 0.6);
  const depth = height * rng.uniform(0.03, 0.16);
  context.fillStyle = css(vary(anySurroundings(rng), 40, rng));
  context.beginPath();
  context.arc(width * rng.uniform(0.1, 0.9), depth - radius, radius, 0, 2 * Math.PI);
  context.fill();
  if (rng.chance(0.7)) drawSeam(context, seam, height, rng);
}

/** Along the path that was filled last. */
function drawSeam(context: SKRSContext2D, seam: Rgb, height: number, rng: Rng): void {
  context.strokeStyle = css(vary(seam, 16, rng));
  context.lineWidth = height * rng.uniform(0.02, 0.07);
  context.stroke();
}

/** Soft dark and light bands across the cloth. */
export function drawFolds(context: SKRSContext2D, size: Size, rng: Rng): void {
  const extent = Math.max(size.width, size.height);
  const count = 1 + rng.integer(3);
  for (let i = 0; i < count; i++) {
    const angle = rng.uniform(-0.5, 0.5) + (rng.chance(0.7) ? Math.PI / 2 : 0);
    const middle = extent * rng.uniform(0, 1);
    const width = extent * rng.uniform(0.05, 0.22);
    const shade = rng.chance(0.6) ? "0, 0, 0" : "255, 255, 255";
    context.save();
    context.translate(size.width / 2, size.height / 2);
    context.rotate(angle);
    context.translate(-extent / 2, -extent / 2);
    const band = context.createLinearGradient(0, middle - width, 0, middle + width);
    band.addColorStop(0, `rgba(${shade}, 0)`);
    band.addColorStop(0.5, `rgba(${shade}, ${rng.uniform(0.06, 0.26)})`);
    band.addColorStop(1, `rgba(${shade}, 0)`);
    context.fillStyle = band;
    context.fillRect(-extent, middle - width, 3 * extent, 2 * width);
    context.restore();
  }
}

export function drawLight(context: SKRSContext2D, { width, height }: Size, rng: Rng): void {
  const angle = rng.uniform(0, 2 * Math.PI);
  const dx = (Math.cos(angle) * width) / 2;
  const dy = (Math.sin(angle) * height) / 2;
  const light = context.createLinearGradient(width / 2 - dx, height / 2 - dy, width / 2 + dx, height / 2 + dy);
  light.addColorStop(0, `rgba(0, 0, 0, ${rng.uniform(0, 0.4)})`);
  light.addColorStop(1, `rgba(255, 255, 255, ${rng.uniform(0, 0.18)})`);
  context.fillStyle = light;
  context.fillRect(0, 0, width, height);
}
