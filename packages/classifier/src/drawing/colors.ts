/** Colors of all images and charts, distinguishable in grayscale and by color-blind readers. */
export const ink = "#1f2430";
export const faint = "#d7dbe2";
export const right = "#1a7f4b";
export const wrong = "#c0323c";
export const series = ["#2563a8", "#d9822b", "#4d8f57", "#8a4fa3"] as const;

/** White to dark blue for 0..1. */
export function blues(fraction: number): string {
  const stops: readonly (readonly [number, number, number])[] = [
    [255, 255, 255],
    [198, 219, 239],
    [107, 174, 214],
    [33, 113, 181],
    [8, 48, 107],
  ];
  const position = Math.min(1, Math.max(0, fraction)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(position));
  const [from, to] = [stops[index]!, stops[index + 1]!];
  const mix = (channel: 0 | 1 | 2) => Math.round(from[channel] + (to[channel] - from[channel]) * (position - index));
  return `rgb(${mix(0)}, ${mix(1)}, ${mix(2)})`;
}
