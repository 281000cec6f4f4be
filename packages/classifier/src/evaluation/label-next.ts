import { Rng } from "@classifier-training/base";

/** An image without a label. */
export interface Candidate {
  readonly features: Float32Array;
  /** 0..1: how little a model knows; the same for all where there is none. */
  readonly uncertainty: number;
}

/** So many candidates for each that is chosen, the most uncertain ones. */
const candidatesEach = 10;
const iterations = 10;

/**
 * Images whose labels help a model most: of the most uncertain ones those in the middle of as many clusters, so that they
 * differ from each other. Weighted k-means, the weights being the uncertainty (Zhdanov 2019, "Diverse mini-batch Active
 * Learning", arXiv:1901.05954), on features of unit length. The same candidates have the same choice.
 * @returns indices, the most uncertain first; of equally uncertain ones those of the largest clusters
 */
export function chooseNext(candidates: readonly Candidate[], count: number): number[] {
  const order = [...candidates.keys()].sort((a, b) => uncertaintyOf(b) - uncertaintyOf(a) || a - b);
  const isEqual = uncertaintyOf(order[0] ?? 0) === uncertaintyOf(order.at(-1) ?? 0);
  const most = candidatesEach * count;
  // Without a model, candidates of all of the list.
  const step = isEqual ? Math.max(1, order.length / most) : 1;
  const pool = Array.from({ length: Math.min(most, order.length) }, (_, i) => order[Math.floor(i * step)] as number);
  if (pool.length <= count) return pool;
  const points = pool.map((i) => unit((candidates[i] as Candidate).features));
  const weights = pool.map((i) => Math.max(1e-3, uncertaintyOf(i)));
  const { centers, clusterOf } = weightedKMeans(points, weights, count);
  const sizes = new Uint32Array(centers.length);
  for (const cluster of clusterOf) sizes[cluster]!++;
  const chosen = centers.flatMap((center, k) => {
    const own = [...clusterOf.keys()].filter((j) => clusterOf[j] === k);
    if (own.length === 0) return [];
    const nearest = own.reduce((best, j) => (distance(points[j], center) < distance(points[best], center) ? j : best));
    return [{ index: pool[nearest] as number, size: sizes[k] as number }];
  });
  chosen.sort((a, b) => uncertaintyOf(b.index) - uncertaintyOf(a.index) || b.size - a.size || a.index - b.index);
  // Of empty clusters there is nothing: the most uncertain others.
  const taken = new Set(chosen.map(({ index }) => index));
  return [...chosen.map(({ index }) => index), ...pool.filter((i) => !taken.has(i))].slice(0, count);

  function uncertaintyOf(i: number): number {
    return candidates[i]?.uncertainty ?? 0;
  }
}

/** Centers are spread by k-means++ (Arthur and Vassilvitskii 2007), weighted as well. */
function weightedKMeans(points: readonly Float32Array[], weights: readonly number[], count: number) {
  const rng = Rng.at(0, "label_next");
  const first = weights.indexOf(Math.max(...weights));
  const centers = [Float32Array.from(points[first] as Float32Array)];
  const nearest = points.map((point) => distance(point, centers[0]));
  while (centers.length < count) {
    const scores = nearest.map((d, j) => d * (weights[j] as number));
    let rest = rng.uniform() * scores.reduce((a, b) => a + b, 0);
    const next = scores.findIndex((score) => {
      rest -= score;
      return rest < 0;
    });
    // All that is left is equal to a center.
    if (next < 0) break;
    const center = Float32Array.from(points[next] as Float32Array);
    centers.push(center);
    for (const [j, point] of points.entries()) nearest[j] = Math.min(nearest[j] as number, distance(point, center));
  }
  let clusterOf: number[] = [];
  for (let i = 0; i < iterations; i++) {
    clusterOf = points.map((point) => {
      let [best, least] = [0, Number.POSITIVE_INFINITY];
      for (const [k, center] of centers.entries()) {
        const d = distance(point, center);
        if (d < least) [best, least] = [k, d];
      }
      return best;
    });
    const totals = new Float64Array(centers.length);
    for (const [j, k] of clusterOf.entries()) totals[k]! += weights[j] as number;
    for (const [k, center] of centers.entries()) if ((totals[k] as number) > 0) center.fill(0);
    for (const [j, k] of clusterOf.entries()) {
      const center = centers[k] as Float32Array;
      const weight = (weights[j] as number) / (totals[k] as number);
      for (const [f, value] of (points[j] as Float32Array).entries()) center[f]! += weight * value;
    }
  }
  return { centers, clusterOf };
}

function unit(features: Float32Array): Float32Array {
  const length = Math.hypot(...features) || 1;
  return features.map((value) => value / length);
}

/** Squared. */
function distance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  let sum = 0;
  for (let f = 0; f < (a?.length ?? 0); f++) sum += ((a?.[f] ?? 0) - (b?.[f] ?? 0)) ** 2;
  return sum;
}
