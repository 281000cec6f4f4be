import { curveColors } from "@classifier-training/base";

/** What tells curves apart that have the same color, for every reader: a shape on the line. */
const marks = ["none", "triangle", "square"] as const;
export type Mark = (typeof marks)[number];

/** How many curves look different. */
export const maxApart = curveColors.light.length * marks.length;

/** How the curve of a place looks: first each color plain, then each color with a shape. */
export function styleOf(
  place: number,
  theme: keyof typeof curveColors,
): { readonly color: string; readonly mark: Mark } {
  const colors = curveColors[theme];
  return {
    color: colors[place % colors.length] as string,
    mark: marks[Math.floor(place / colors.length) % marks.length] as Mark,
  };
}

/** Fills a mark around a point. */
export function fillMark(context: CanvasRenderingContext2D, mark: Mark, x: number, y: number, size: number): void {
  context.beginPath();
  for (const [dx, dy] of cornersOf(mark)) context.lineTo(x + dx * size, y + dy * size);
  context.closePath();
  context.fill();
}

/** Around 0, within 1. */
export function cornersOf(mark: Mark): readonly (readonly [number, number])[] {
  if (mark === "triangle")
    return [
      [0, -1],
      [0.95, 0.75],
      [-0.95, 0.75],
    ] as const;
  return mark === "square"
    ? ([
        [-0.8, -0.8],
        [0.8, -0.8],
        [0.8, 0.8],
        [-0.8, 0.8],
      ] as const)
    : [];
}
