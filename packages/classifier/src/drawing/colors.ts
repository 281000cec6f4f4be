import { curveColors } from "@classifier-training/base";

/** Colors of all images and charts, distinguishable in grayscale and by color-blind readers. */
export const ink = "#1f2430";
export const quiet = "#5c6470";
export const faint = "#d7dbe2";
/** What is also said by something else than its color. */
export const right = "#17649c";
export const wrong = "#b03f05";
export const series = curveColors.light;

const stops: readonly (readonly [number, number, number])[] = [
  [255, 255, 255],
  [198, 219, 239],
  [107, 174, 214],
  [33, 113, 181],
  [8, 48, 107],
];

/** White to dark blue for 0..1, as red, green and blue. */
export function bluesOf(fraction: number): readonly [number, number, number] {
  const position = Math.min(1, Math.max(0, fraction)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(position));
  const [from, to] = [stops[index]!, stops[index + 1]!];
  const mix = (channel: 0 | 1 | 2) => Math.round(from[channel] + (to[channel] - from[channel]) * (position - index));
  return [mix(0), mix(1), mix(2)];
}

export function blues(fraction: number): string {
  return `rgb(${bluesOf(fraction).join(", ")})`;
}

/** What is read on a cell of that color. */
export function inkOn(fraction: number): string {
  return fraction > 0.55 ? "white" : ink;
}
