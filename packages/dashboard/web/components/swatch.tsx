import { cornersOf, type Mark } from "../charts/marks.ts";

/** The color of a curve, with the shape that is on it. */
export function Swatch({ color, mark }: { readonly color: string | undefined; readonly mark: Mark }) {
  if (color === undefined || mark === "none")
    return <span class="swatch" style={{ background: color ?? "transparent" }} />;
  const points = cornersOf(mark).map(([x, y]) => `${6 + 4.5 * x},${6 + 4.5 * y}`);
  return (
    <svg class={`swatch mark-${mark}`} viewBox="0 0 12 12" aria-hidden="true">
      <line x1="-1" y1="6" x2="13" y2="6" stroke={color} stroke-width="1.5" />
      <polygon points={points.join(" ")} fill={color} />
    </svg>
  );
}
