/** Seeded random choices (Park and Miller): the same cases in every process. */
export function randomSource(seed) {
  let state = seed;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return { next, pick: (values) => values[Math.floor(next() * values.length)] };
}
