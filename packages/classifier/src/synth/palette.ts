import type { Rng } from "@classifier-training/base";

/** Team colours by the names that annotations carry, as sRGB. */
export const teamColours = {
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

export type ColourName = keyof typeof teamColours;
export type Rgb = readonly [red: number, green: number, blue: number];

export const colourNames = Object.keys(teamColours) as ColourName[];

export function anyTeamColour(rng: Rng): Rgb {
  return teamColours[colourNames[rng.integer(colourNames.length)] as ColourName];
}

/** Relative luminance in 0..1 (ITU-R BT.709 weights, on sRGB values: enough to tell readable pairs apart). */
function luminance([red, green, blue]: Rgb): number {
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}

/** Whether a number in one colour can be read on a jersey of the other. */
export function isReadable(jersey: ColourName, number: ColourName): boolean {
  return Math.abs(luminance(teamColours[jersey]) - luminance(teamColours[number])) >= 0.32;
}

/** A random colour pair that can be read. The home team of every game wears white or nearly so. */
export function readablePair(rng: Rng): { jersey: ColourName; number: ColourName } {
  for (;;) {
    const jersey = rng.chance(0.3) ? "white" : (colourNames[rng.integer(colourNames.length)] as ColourName);
    const number = colourNames[rng.integer(colourNames.length)] as ColourName;
    if (isReadable(jersey, number)) return { jersey, number };
  }
}

/** A colour moved a little: cloth, light and cameras differ. Result in 0..255. */
export function vary(colour: Rgb, amount: number, rng: Rng): Rgb {
  const light = rng.uniform(-amount, amount);
  const shift = (value: number) =>
    Math.min(255, Math.max(0, Math.round(value + light + rng.uniform(-amount / 3, amount / 3))));
  return [shift(colour[0]), shift(colour[1]), shift(colour[2])];
}

export function css([red, green, blue]: Rgb, alpha = 1): string {
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
