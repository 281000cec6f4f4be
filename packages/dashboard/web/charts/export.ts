import { csvText } from "@classifier-training/base";
import type { XAxis } from "./curves.ts";
import { axisTitles, type Line } from "./line-plot.ts";
import { fillMark } from "./marks.ts";
import type { Axis } from "./parallel-coordinates.tsx";

/** Hands a file to the person at the page. */
export function download(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The values of a sweep's axes, a row for each run. */
export function axesCsv(axes: readonly Axis[], trials: readonly { readonly title: string }[]): string {
  const rows = trials.map(({ title }, i) => [title, ...axes.map(({ values }) => String(values[i] ?? ""))]);
  return csvText(["run", ...axes.map(({ title }) => title)], rows);
}

/** What a chart shows, a row for each point. */
export function chartCsv(lines: readonly Line[], axis: XAxis, zoom: readonly [number, number] | undefined): string {
  const rows = lines.flatMap(({ label, points, smooth }) =>
    points.x.flatMap((x, i) => {
      if (zoom !== undefined && (x < zoom[0] || x > zoom[1])) return [];
      return [[label, String(x), String(points.y[i]), smooth === undefined ? "" : String(smooth[i])]];
    }),
  );
  return csvText(["curve", axisTitles[axis], "value", "smoothed"], rows);
}

interface ChartImage {
  readonly title: string;
  readonly lines: readonly Pick<Line, "label" | "color" | "mark" | "isDashed">[];
  readonly background: string;
  readonly text: string;
}

/** A chart with its title and legend, as it is seen, as PNG. */
export function chartPng(
  canvas: HTMLCanvasElement,
  { title, lines, background, text }: ChartImage,
): Promise<Blob | null> {
  const ratio = devicePixelRatio;
  const [head, row] = [34 * ratio, 20 * ratio];
  const image = document.createElement("canvas");
  image.width = canvas.width;
  image.height = canvas.height + head + lines.length * row + 8 * ratio;
  const context = image.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = background;
  context.fillRect(0, 0, image.width, image.height);
  context.fillStyle = text;
  context.font = `600 ${15 * ratio}px system-ui, sans-serif`;
  context.fillText(title, 12 * ratio, 22 * ratio);
  context.drawImage(canvas, 0, head);
  context.font = `${12 * ratio}px system-ui, sans-serif`;
  context.lineWidth = 2 * ratio;
  for (const [i, { label, color, mark = "none", isDashed }] of lines.entries()) {
    const y = head + canvas.height + (i + 0.6) * row;
    context.strokeStyle = color;
    context.setLineDash(isDashed ? [6 * ratio, 4 * ratio] : []);
    context.beginPath();
    context.moveTo(12 * ratio, y - 4 * ratio);
    context.lineTo(40 * ratio, y - 4 * ratio);
    context.stroke();
    context.fillStyle = color;
    fillMark(context, mark, 26 * ratio, y - 4 * ratio, 4.5 * ratio);
    context.fillStyle = text;
    context.fillText(label, 48 * ratio, y);
  }
  return pngOf(image);
}

/** What CSS says of elements of an SVG, which an image of it does not know. */
const svgProperties = ["fill", "stroke", "stroke-width", "opacity", "font", "paint-order"];

/** An SVG of the page as it is seen, as PNG. */
export async function svgPng(svg: SVGSVGElement, background: string): Promise<Blob | null> {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const copies = [...copy.querySelectorAll<SVGElement>("*")];
  for (const [i, element] of [...svg.querySelectorAll("*")].entries()) {
    const seen = getComputedStyle(element);
    for (const name of svgProperties) copies[i]?.style.setProperty(name, seen.getPropertyValue(name));
  }
  const image = new Image();
  // Not a blob's address: browsers differ in whether a canvas may be read after that.
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width * devicePixelRatio;
  canvas.height = image.height * devicePixelRatio;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return pngOf(canvas);
}

function pngOf(canvas: HTMLCanvasElement): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
