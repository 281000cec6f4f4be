import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { createCanvas } from "@napi-rs/canvas";

const size = 64;

/** Corners of each class; a circle has enough of them. */
const shapes = { circle: 48, square: 4, triangle: 3 };

/** Writes `count` images of each class into `folder/CLASS`: a shape somewhere, in some color, on another. */
export function writeSampleImages(folder: string, count: number, stream: string): void {
  for (const [label, corners] of Object.entries(shapes)) {
    mkdirSync(join(folder, label), { recursive: true });
    for (let index = 0; index < count; index++) {
      const png = drawShape(corners, Rng.at(5, stream, label, index));
      writeFileSync(join(folder, label, `${String(index).padStart(3, "0")}.png`), png);
    }
  }
}

function drawShape(corners: number, rng: Rng): Uint8Array {
  const canvas = createCanvas(size, size);
  const context = canvas.getContext("2d");
  const hue = rng.uniform(0, 360);
  context.fillStyle = `hsl(${hue}, 40%, ${rng.uniform(15, 45)}%)`;
  context.fillRect(0, 0, size, size);
  const [x, y] = [rng.uniform(24, 40), rng.uniform(24, 40)];
  const [radius, angle] = [rng.uniform(14, 22), rng.uniform(-0.3, 0.3)];
  context.beginPath();
  for (let corner = 0; corner < corners; corner++) {
    const at = angle + (2 * Math.PI * (corner + 0.5)) / corners;
    context.lineTo(x + radius * Math.sin(at), y + radius * Math.cos(at));
  }
  context.fillStyle = `hsl(${hue + rng.uniform(60, 300)}, 70%, ${rng.uniform(60, 85)}%)`;
  context.fill();
  return canvas.toBuffer("image/png");
}
