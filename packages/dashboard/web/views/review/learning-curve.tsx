import type { DataAnalysis } from "@classifier-training/runs";
import { percent } from "@classifier-training/runs/analysis";

const [width, height] = [640, 260];
const margin = { left: 52, right: 12, top: 10, bottom: 34 };

interface Point {
  readonly images: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Errors by the number of training images: measured with their intervals, and the fitted curve. */
export function LearningCurve({ enough }: { readonly enough: DataAnalysis<"learningCurve"> }) {
  const { points, curve, images } = enough;
  const xs = [...points, ...curve].map((point) => point.images);
  const [least, most] = [Math.max(1, Math.min(...xs)), Math.max(...xs)];
  const top = Math.min(1, Math.max(0.05, ...points.map(({ high }) => high), ...curve.map(({ value }) => value)) * 1.05);
  const x = (count: number) =>
    margin.left +
    ((Math.log(Math.max(1, count)) - Math.log(least)) / Math.max(1e-9, Math.log(most) - Math.log(least))) *
      (width - margin.left - margin.right);
  const y = (error: number) =>
    height - margin.bottom - (Math.min(error, top) / top) * (height - margin.top - margin.bottom);
  const line = (of: readonly Point[], value: (point: Point) => number) =>
    of.map((point) => `${x(point.images).toFixed(1)},${y(value(point)).toFixed(1)}`);
  const band = [...line(curve, ({ low }) => low), ...line(curve, ({ high }) => high).reverse()];
  const ticks = errorTicks(top);
  const words = points.map((point) => `${point.images} images: ${percent(point.value)}`).join("; ");
  return (
    <svg class="learning-curve" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`Errors by images. ${words}`}>
      {ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={margin.left} x2={width - margin.right} y1={y(tick)} y2={y(tick)} />
          <text x={margin.left - 6} y={y(tick) + 4} text-anchor="end">
            {`${Number((100 * tick).toPrecision(3))}%`}
          </text>
        </g>
      ))}
      <polygon class="band" points={band.join(" ")} />
      <polyline class="fitted" points={line(curve, ({ value }) => value).join(" ")} />
      <line class="now" x1={x(images)} x2={x(images)} y1={margin.top} y2={height - margin.bottom} />
      {points.map((point) => (
        <g key={point.images} class="measured">
          <line x1={x(point.images)} x2={x(point.images)} y1={y(point.low)} y2={y(point.high)} />
          <circle cx={x(point.images)} cy={y(point.value)} r={3.5} />
        </g>
      ))}
      {countTicks(least, most).map((count) => (
        <text key={count} x={x(count)} y={height - margin.bottom + 16} text-anchor="middle">
          {count.toLocaleString("en-US")}
        </text>
      ))}
      <text x={(width + margin.left) / 2} y={height - 3} text-anchor="middle">
        training images (dotted: now)
      </text>
    </svg>
  );
}

/** About five round numbers from 0. */
function errorTicks(top: number): readonly number[] {
  const power = 10 ** Math.floor(Math.log10(top / 4));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= top / 5) ?? 10);
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Round numbers, about evenly on a logarithmic axis. */
function countTicks(least: number, most: number): readonly number[] {
  const steps = most / least > 100 ? [1] : most / least > 20 ? [1, 3] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = 1; power <= most; power *= 10)
    for (const step of steps) if (power * step >= least && power * step <= most) ticks.push(power * step);
  return ticks;
}
