import type { Rng } from "@classifier-training/base";

/** Team colors by the names that annotations carry, as sRGB. */
export const teamColors = {
  white: [242, 242, 240],
  black: [24, 24, 28],
  navy: [18, 32, 78],
  blue: [28, 86, 176],
  sky: [122, 178, 222],
  red: [190, 28, 44],
  maroon: [104, 20, 38],
  orange: [236, 116, 30],
  gold: [240, 184, 46],
  green: [24, 112, 66],
  purple: [84, 44, 130],
  grey: [128, 132, 138],
} as const;

export type ColorName = keyof typeof teamColors;
export type Rgb = readonly [red: number, green: number, blue: number];

export const colorNames = Object.keys(teamColors) as ColorName[];

export function anyTeamColor(rng: Rng): Rgb {
  return teamColors[colorNames[rng.integer(colorNames.length)] as ColorName];
}

/** Relative luminance in 0..1 (ITU-R BT.709 weights, on sRGB values: enough to find readable pairs). */
function luminance([red, green, blue]: Rgb): number {
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}

/** Whether a number in one color is readable on a jersey of the other. */
export function isReadable(jersey: ColorName, number: ColorName): boolean {
  return Math.abs(luminance(teamColors[jersey]) - luminance(teamColors[number])) >= 0.32;
}

/** A random readable color pair. The home team of every game wears white or nearly so. */
export function readablePair(rng: Rng): { jersey: ColorName; number: ColorName } {
  for (;;) {
    const jersey = rng.chance(0.3) ? "white" : (colorNames[rng.integer(colorNames.length)] as ColorName);
    const number = colorNames[rng.integer(colorNames.length)] as ColorName;
    if (isReadable(jersey, number)) return { jersey, number };
  }
}

/** A color moved a little: cloth, light and cameras differ. Result in 0..255. */
export function vary(color: Rgb, amount: number, rng: Rng): Rgb {
  const light = rng.uniform(-amount, amount);
  const shift = (value: number) =>
    Math.min(255, Math.max(0, Math.round(value + light + rng.uniform(-amount / 3, amount / 3))));
  return [shift(color[0]), shift(color[1]), shift(color[2])];
}

export function css([red, green, blue]: Rgb, alpha = 1): string {
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
