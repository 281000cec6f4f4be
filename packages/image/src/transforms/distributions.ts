import type { Rng } from "@classifier-training/base";

/** A gamma(shape, 1) number (Marsaglia and Tsang, 2000). */
export function gamma(shape: number, rng: Rng): number {
  if (shape < 1) return gamma(shape + 1, rng) * (1 - rng.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = rng.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A beta(a, b) number. */
export function beta(a: number, b: number, rng: Rng): number {
  const x = gamma(a, rng);
  return x / (x + gamma(b, rng));
}

/** Fractions that sum to 1, from a Dirichlet distribution. */
export function dirichlet(alphas: readonly number[], rng: Rng): number[] {
  const samples = alphas.map((alpha) => gamma(alpha, rng));
  const sum = samples.reduce((total, value) => total + value, 0);
  return samples.map((value) => value / sum);
}
