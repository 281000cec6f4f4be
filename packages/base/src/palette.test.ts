import { expect, test } from "vitest";
import { curveColors, plotBackgrounds } from "./palette.ts";

type Rgb = readonly [number, number, number];

/** Linear RGB of `#rrggbb` (IEC 61966-2-1). */
function linear(hex: string): Rgb {
  const part = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return [part(1), part(3), part(5)];
}

const apply = (rows: readonly Rgb[], [r, g, b]: Rgb) =>
  rows.map(([x, y, z]) => Math.min(1, Math.max(0, x * r + y * g + z * b))) as unknown as Rgb;

/** Sight by complete dichromacy, on linear RGB: Machado, Oliveira, Fernandes 2009, severity 1. */
const sights: Readonly<Record<string, readonly Rgb[]>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** Oklab of linear RGB (Ottosson 2020): distances are those that people see. */
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function distance(a: Rgb, b: Rgb): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

test.each(["light", "dark"] as const)("on a %s background, curves stay apart for color-blind readers", (theme) => {
  const colors = curveColors[theme].map(linear);
  const background = luminance(linear(plotBackgrounds[theme]));
  for (const [sight, matrix] of Object.entries(sights)) {
    const seen = colors.map((color) => oklab(apply(matrix, color)));
    const pairs = seen.flatMap((a, i) => seen.slice(i + 1).map((b) => distance(a, b)));
    // Red and green of equal lightness are 0.02 apart to a deuteranope.
    expect(Math.min(...pairs), sight).toBeGreaterThan(0.14);
  }
  for (const [i, color] of colors.entries()) {
    const [low = 0, high = 0] = [luminance(color), background].sort((a, b) => a - b);
    expect((high + 0.05) / (low + 0.05), curveColors[theme][i]).toBeGreaterThan(3);
  }
});
