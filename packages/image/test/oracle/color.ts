import { grayOf } from "../../src/functional/color.ts";

/** Each byte by a table. */
export function lookUp(data: Uint8Array, table: Uint8Array): Uint8Array {
  return data.map((value) => table[value] as number);
}

const clamp = (value: number) => Math.max(0, Math.min(255, value));

/** Pillow's `ImageEnhance.Color` of RGB bytes. */
export function saturate(data: Uint8Array, factor: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const gray = grayOf(data[i]!, data[i + 1]!, data[i + 2]!);
    for (let c = i; c < i + 3; c++)
      out[c] = clamp(Math.fround(gray + Math.fround(Math.fround(factor) * (data[c]! - gray))));
  }
  return out;
}

/** RGB bytes to Pillow's 8-bit HSV (Convert.c), the hue plus a byte that wraps, and back. */
export function turnHue(data: Uint8Array, shift: number): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
    const max = Math.max(r, g, b);
    const range = max - Math.min(r, g, b);
    const saturation = range === 0 ? 0 : Math.trunc(Math.fround(range / max) * 255);
    const hue = range === 0 ? 0 : (hueOf(r, g, b, max, range) + shift) & 255;
    out.set(saturation === 0 ? [max, max, max] : fromHsv(hue, saturation, max), i);
  }
  return out;
}

function hueOf(r: number, g: number, b: number, max: number, range: number): number {
  const rc = Math.fround((max - r) / range);
  const gc = Math.fround((max - g) / range);
  const bc = Math.fround((max - b) / range);
  let h: number;
  if (r === max) h = Math.fround(bc - gc);
  else if (g === max) h = Math.fround(2 + rc - bc);
  else h = Math.fround(4 + gc - rc);
  return Math.trunc(Math.fround((h / 6 + 1) % 1) * 255);
}

function fromHsv(hue: number, saturation: number, max: number): readonly [number, number, number] {
  const sixth = Math.floor((hue * 6) / 255);
  const fraction = (hue * 6) / 255 - sixth;
  const amount = (max * saturation) / 255;
  const p = Math.round(max - amount);
  const q = Math.round(max - amount * fraction);
  const t = Math.round(max - amount * (1 - fraction));
  const sectors = [
    [max, t, p],
    [q, max, p],
    [p, max, t],
    [p, q, max],
    [t, p, max],
    [max, p, q],
  ] as const;
  return sectors[sixth % 6] as readonly [number, number, number];
}
