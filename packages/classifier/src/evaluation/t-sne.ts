import { fromTypedArray, noGrad, ops, scope, type Tensor } from "@classifier-training/torch";

/** Dimensions that are kept of the features before distances are computed. */
const components = 50;
export const perplexity = 30;
const steps = 500;
/** Of them with exaggerated affinities, in which clusters form. */
const earlySteps = 200;
const exaggeration = 12;

/** How points are placed, in words. */
export const mapMethod = `PCA to ${components} dimensions, then exact t-SNE (perplexity ${perplexity}, ${steps} steps)`;

/**
 * Places points in two dimensions such that similar ones are neighbors: PCA, then t-SNE (van der Maaten and Hinton 2008), all
 * pairs. It starts from the first two principal components (Kobak and Berens 2019), with the learning rate N / 12 (Belkina et
 * al. 2019): the same points are placed the same. N^2 floats of memory, a few times.
 * @param rows N rows of F values
 * @returns x and y of each point, both in -1..1, on one scale
 */
export function placePoints(
  rows: readonly Float32Array[],
  onProgress?: (done: number, total: number) => void,
): (readonly [x: number, y: number])[] {
  const n = rows.length;
  if (n < 4) return rows.map((_, i) => [n < 2 ? 0 : (2 * i) / (n - 1) - 1, 0] as const);
  return noGrad(() =>
    scope(() => {
      const points = principalComponents(rows);
      const affinities = affinitiesOf(points);
      const size = points.shape[1] as number;
      const values = points.contiguous().toTypedArray() as Float32Array;
      const at = (i: number, axis: number) => (axis < size ? (values[i * size + axis] as number) : 0);
      const deviation = Math.sqrt(rows.reduce((sum, _, i) => sum + at(i, 0) ** 2, 0) / n) || 1;
      const y = Float32Array.from({ length: 2 * n }, (_, j) => (1e-4 * at(j >> 1, j & 1)) / deviation);
      descend(y, affinities, onProgress);
      return scaled(y);
    }),
  );
}

/** @returns [N, at most 50], centered, by decreasing variance */
function principalComponents(rows: readonly Float32Array[]): Tensor {
  const size = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) all.set(row, i * size);
  const x = fromTypedArray(all, [rows.length, size]);
  const centered = x.sub(x.mean(0));
  const covariance = centered.t().matmul(centered).div(rows.length);
  const [, vectors] = ops.aten.linalg_eigh(covariance);
  // Eigenvalues ascend.
  const kept = Math.min(components, size, rows.length - 1);
  return centered.matmul(
    vectors
      .narrow(1, size - kept, kept)
      .flip([1])
      .contiguous(),
  );
}

/** Symmetric affinities that sum to 1: Gaussian ones of the nearest neighbors, as wide as the perplexity asks. @returns [N, N] */
function affinitiesOf(points: Tensor): Tensor {
  const n = points.shape[0] as number;
  const wanted = Math.min(perplexity, (n - 1) / 3);
  const neighbors = Math.min(n - 1, Math.ceil(3 * wanted));
  const { values, indices } = distances(points).topk(neighbors + 1, 1, { largest: false });
  const squared = values.contiguous().toTypedArray() as Float32Array;
  const nearest = indices.contiguous().toTypedArray() as BigInt64Array;
  const affinities = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    const others = Array.from({ length: neighbors + 1 }, (_, j) => i * (neighbors + 1) + j)
      .filter((at) => Number(nearest[at]) !== i)
      .slice(0, neighbors);
    const weights = gaussian(
      others.map((at) => squared[at] as number),
      Math.log(wanted),
    );
    for (const [j, at] of others.entries()) {
      const other = Number(nearest[at]);
      const half = (weights[j] as number) / (2 * n);
      affinities[i * n + other]! += half;
      affinities[other * n + i]! += half;
    }
  }
  return fromTypedArray(affinities, [n, n]);
}

/** Squared distances. @returns [N, N] */
function distances(points: Tensor): Tensor {
  const norms = points.mul(points).sum(1, { keepdim: true });
  return norms.add(norms.t()).sub(points.matmul(points.t()).mul(2)).clamp(0);
}

/** Weights that sum to 1 and have an entropy, by bisection of their precision. */
function gaussian(squared: readonly number[], entropy: number): number[] {
  let [low, high, precision] = [0, Number.POSITIVE_INFINITY, 1 / (Math.max(...squared) || 1)];
  const least = Math.min(...squared);
  let weights: number[] = [];
  for (let step = 0; step < 60; step++) {
    const raw = squared.map((d) => Math.exp(-precision * (d - least)));
    const total = raw.reduce((a, b) => a + b, 0);
    weights = raw.map((w) => w / total);
    const found = -weights.reduce((sum, w) => sum + (w > 0 ? w * Math.log(w) : 0), 0);
    if (Math.abs(found - entropy) < 1e-4) break;
    if (found > entropy) low = precision;
    else high = precision;
    precision = high === Number.POSITIVE_INFINITY ? 2 * precision : (low + high) / 2;
  }
  return weights;
}

/** Gradient descent with momentum and a gain for each coordinate (Jacobs 1988), in place. @param y N pairs */
function descend(y: Float32Array, affinities: Tensor, onProgress?: (done: number, total: number) => void): void {
  const n = y.length / 2;
  const rate = Math.max(50, n / exaggeration);
  const velocity = new Float32Array(y.length);
  const gains = new Float32Array(y.length).fill(1);
  for (let step = 0; step < steps; step++) {
    const isEarly = step < earlySteps;
    const gradient = scope(() => {
      const points = fromTypedArray(y, [n, 2]);
      const kernel = distances(points).add(1).reciprocal();
      // A point is not its own neighbor: n of the sum are the diagonal's.
      const total = kernel.sum().item() - n;
      const pull = affinities
        .mul(isEarly ? exaggeration : 1)
        .sub(kernel.div(total))
        .mul(kernel);
      const sums = pull.sum(1, { keepdim: true });
      return sums.mul(points).sub(pull.matmul(points)).mul(4).contiguous().toTypedArray() as Float32Array;
    });
    const momentum = isEarly ? 0.5 : 0.8;
    for (let j = 0; j < y.length; j++) {
      const [g, v] = [gradient[j] as number, velocity[j] as number];
      gains[j] = Math.max(0.01, g > 0 === v > 0 ? 0.8 * (gains[j] as number) : (gains[j] as number) + 0.2);
      velocity[j] = momentum * v - rate * (gains[j] as number) * g;
      y[j]! += velocity[j] as number;
    }
    onProgress?.(step + 1, steps);
  }
}

function scaled(y: Float32Array): (readonly [number, number])[] {
  const axes = [0, 1].map((axis) => y.filter((_, j) => (j & 1) === axis));
  const middles = axes.map((values) => (min(values) + max(values)) / 2);
  const half = Math.max(...axes.map((values) => (max(values) - min(values)) / 2)) || 1;
  const at = (i: number, axis: number) =>
    Number((((y[2 * i + axis] as number) - (middles[axis] as number)) / half).toFixed(4));
  return Array.from({ length: y.length / 2 }, (_, i) => [at(i, 0), at(i, 1)] as const);
}

function min(values: Float32Array): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function max(values: Float32Array): number {
  return values.reduce((a, b) => Math.max(a, b));
}
