import { curveColors } from "@classifier-training/base";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { EmbeddingsMap } from "../../../../src/evaluation-types.ts";
import { useAnswer } from "../../../state/answer.ts";
import { runPath } from "../../../state/api.ts";
import { param } from "../../../state/params.ts";
import { theme } from "../../../state/theme.ts";
import { useMarks } from "./marks.ts";
import { type PartProps, Problem } from "./part.tsx";
import { SampleImage, sampleAddress } from "./sample-card.tsx";

type Point = EmbeddingsMap["points"][number];

const classParam = param("mapclass");
const side = 640;
const margin = 14;
/** The pointer finds points so near, in pixels. */
const reach = 14;

const place = ({ x, y }: Point) => ({
  left: margin + ((x + 1) / 2) * (side - 2 * margin),
  top: margin + ((1 - y) / 2) * (side - 2 * margin),
});

const textOf = ({ sample, label, predicted }: Point) =>
  `${sample}: ${label}${predicted === null || predicted === label ? "" : `, predicted as ${predicted}`}`;

/** Where the network sees the images: similar ones are near each other, and a point among others is worth a look. */
export function EmbeddingsMapPart({ detail }: PartProps) {
  const { answer, error } = useAnswer<EmbeddingsMap>(runPath(detail.key, "/embeddings"), detail.modifiedAt);
  const marks = useMarks(detail);
  const [active, setActive] = useState<number | undefined>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const points = answer?.points ?? [];
  const colors = curveColors[theme.value];
  const legend = useMemo(() => legendOf(points, colors.length), [points, colors]);
  const colorOf = (label: string) => colors[legend.colored.indexOf(label)] ?? "#8a939c";
  const shown = classParam.value;
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const context = element.getContext("2d") as CanvasRenderingContext2D;
    element.width = side * devicePixelRatio;
    element.height = side * devicePixelRatio;
    context.scale(devicePixelRatio, devicePixelRatio);
    const radius = points.length > 2000 ? 2.5 : 4;
    const isFaint = (point: Point) => shown !== "" && point.label !== shown;
    for (const point of [...points].sort((a, b) => Number(isFaint(b)) - Number(isFaint(a)))) {
      const { left, top } = place(point);
      context.globalAlpha = isFaint(point) ? 0.12 : 0.85;
      context.fillStyle = colorOf(point.label);
      context.beginPath();
      context.arc(left, top, radius, 0, 2 * Math.PI);
      context.fill();
      if (point.predicted === null || point.predicted === point.label) continue;
      context.strokeStyle = theme.value === "dark" ? "#ffffff" : "#000000";
      context.stroke();
    }
    context.globalAlpha = 1;
    const chosen = active === undefined ? undefined : points[active];
    if (chosen === undefined) return;
    const { left, top } = place(chosen);
    context.strokeStyle = theme.value === "dark" ? "#ffffff" : "#000000";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(left, top, radius + 4, 0, 2 * Math.PI);
    context.stroke();
  }, [points, shown, active, theme.value]);
  if (error !== "") return <Problem text={error} />;
  if (answer === undefined) return <p class="note">Reading ...</p>;
  const nearest = (event: MouseEvent) => {
    const scale = side / (event.currentTarget as HTMLElement).clientWidth;
    const [x, y] = [event.offsetX * scale, event.offsetY * scale];
    let [best, distance] = [-1, reach * reach];
    for (const [i, point] of points.entries()) {
      if (shown !== "" && point.label !== shown) continue;
      const { left, top } = place(point);
      const own = (left - x) ** 2 + (top - y) ** 2;
      if (own < distance) [best, distance] = [i, own];
    }
    if (best >= 0) setActive(best);
  };
  const order = [...points.keys()]
    .filter((i) => shown === "" || points[i]?.label === shown)
    .sort((a, b) => (points[a]?.x ?? 0) - (points[b]?.x ?? 0));
  const onKey = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const at = active === undefined ? -1 : order.indexOf(active);
    setActive(order[Math.min(order.length - 1, Math.max(0, at + by))]);
  };
  const chosen = active === undefined ? undefined : points[active];
  const classes = [...new Set(points.map(({ label }) => label))].sort();
  return (
    <>
      <div class="toolbar">
        <label>
          Class{" "}
          <select value={shown} onChange={(event) => classParam.set(event.currentTarget.value)}>
            <option value="">all</option>
            {classes.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span class="count">{`${points.length} images; a ring is an error`}</span>
      </div>
      <ul class="map-legend" aria-label="Colors">
        {legend.colored.map((name) => (
          <li key={name}>
            <span class="swatch" style={{ background: colorOf(name) }} /> {name}
          </li>
        ))}
        {legend.others > 0 && (
          <li>
            <span class="swatch" style={{ background: colorOf("") }} /> {`${legend.others} other classes`}
          </li>
        )}
      </ul>
      <div class="map-pair">
        <canvas
          ref={canvas}
          class="map-canvas"
          role="img"
          tabIndex={0}
          aria-label={`Map of ${points.length} images. The left and right arrow keys go from image to image.`}
          onMouseMove={nearest}
          onKeyDown={onKey}
        />
        <div class="map-readout">
          <p>
            <output>{chosen === undefined ? "Point at an image." : textOf(chosen)}</output>
          </p>
          {chosen !== undefined && marks.access.root !== undefined && (
            <SampleImage address={`${sampleAddress(detail.key, chosen.sample)}&in=data`} alt={chosen.sample} />
          )}
          <p class="note">{answer.method}</p>
        </div>
      </div>
    </>
  );
}

/** The classes with the most images have a color of their own. */
function legendOf(points: readonly Point[], colors: number) {
  const counts = new Map<string, number>();
  for (const { label } of points) counts.set(label, (counts.get(label) ?? 0) + 1);
  const names = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
  return { colored: names.slice(0, colors).sort(), others: Math.max(0, names.length - colors) };
}
