// Constants of jfdctint.c and jidctint.c (Loeffler, Ligtenberg, Moschytz): cosines with 13 fractional bits.
const c0298 = 2446;
const c0390 = 3196;
const c0541 = 4433;
const c0765 = 6270;
const c0899 = 7373;
const c1175 = 9633;
const c1501 = 12299;
const c1847 = 15137;
const c1961 = 16069;
const c2053 = 16819;
const c2562 = 20995;
const c3072 = 25172;

/** The 8x8 forward DCT of libjpeg's islow method; the result is scaled by 8. */
export function forwardDct(plane: Uint8Array, at: number, stride: number, out: Int32Array): void {
  for (let row = 0, from = at, i = 0; row < 8; row++, from += stride, i += 8) {
    const s0 = plane[from] as number;
    const s1 = plane[from + 1] as number;
    const s2 = plane[from + 2] as number;
    const s3 = plane[from + 3] as number;
    const s4 = plane[from + 4] as number;
    const s5 = plane[from + 5] as number;
    const s6 = plane[from + 6] as number;
    const s7 = plane[from + 7] as number;
    const t0 = s0 + s7;
    const t1 = s1 + s6;
    const t2 = s2 + s5;
    const t3 = s3 + s4;
    const t10 = t0 + t3;
    const t13 = t0 - t3;
    const t11 = t1 + t2;
    const t12 = t1 - t2;
    // 128 is taken from each of the 8 samples, scaled by 4.
    out[i] = (t10 + t11 - 1024) << 2;
    out[i + 4] = (t10 - t11) << 2;
    const z1 = (t12 + t13) * c0541;
    out[i + 2] = (z1 + t13 * c0765 + 1024) >> 11;
    out[i + 6] = (z1 - t12 * c1847 + 1024) >> 11;
    oddPart(out, i, 1, s3 - s4, s2 - s5, s1 - s6, s0 - s7, 1024, 11);
  }
  for (let i = 0; i < 8; i++) {
    const t0 = out[i]! + out[i + 56]!;
    const t7 = out[i]! - out[i + 56]!;
    const t1 = out[i + 8]! + out[i + 48]!;
    const t6 = out[i + 8]! - out[i + 48]!;
    const t2 = out[i + 16]! + out[i + 40]!;
    const t5 = out[i + 16]! - out[i + 40]!;
    const t3 = out[i + 24]! + out[i + 32]!;
    const t4 = out[i + 24]! - out[i + 32]!;
    const t10 = t0 + t3;
    const t13 = t0 - t3;
    const t11 = t1 + t2;
    const t12 = t1 - t2;
    out[i] = (t10 + t11 + 2) >> 2;
    out[i + 32] = (t10 - t11 + 2) >> 2;
    const z1 = (t12 + t13) * c0541;
    out[i + 16] = (z1 + t13 * c0765 + 16384) >> 15;
    out[i + 48] = (z1 - t12 * c1847 + 16384) >> 15;
    oddPart(out, i, 8, t4, t5, t6, t7, 16384, 15);
  }
}

function oddPart(
  out: Int32Array,
  i: number,
  step: number,
  t4: number,
  t5: number,
  t6: number,
  t7: number,
  round: number,
  shift: number,
): void {
  const z5 = (t4 + t6 + t5 + t7) * c1175;
  const z1 = -(t4 + t7) * c0899;
  const z2 = -(t5 + t6) * c2562;
  const z3 = z5 - (t4 + t6) * c1961;
  const z4 = z5 - (t5 + t7) * c0390;
  out[i + 7 * step] = (t4 * c0298 + z1 + z3 + round) >> shift;
  out[i + 5 * step] = (t5 * c2053 + z2 + z4 + round) >> shift;
  out[i + 3 * step] = (t6 * c3072 + z2 + z3 + round) >> shift;
  out[i + step] = (t7 * c1501 + z1 + z4 + round) >> shift;
}

const work = new Int32Array(64);

/** The inverse of dequantised coefficients in row order, as libjpeg's islow method; samples are clipped to bytes. */
export function inverseDct(coefficients: Int32Array, plane: Uint8Array, at: number, stride: number): void {
  for (let i = 0; i < 8; i++) {
    const d0 = coefficients[i] as number;
    const d1 = coefficients[i + 8] as number;
    const d2 = coefficients[i + 16] as number;
    const d3 = coefficients[i + 24] as number;
    const d4 = coefficients[i + 32] as number;
    const d5 = coefficients[i + 40] as number;
    const d6 = coefficients[i + 48] as number;
    const d7 = coefficients[i + 56] as number;
    if ((d1 | d2 | d3 | d4 | d5 | d6 | d7) === 0) {
      const flat = d0 << 2;
      for (let k = i; k < 64; k += 8) work[k] = flat;
      continue;
    }
    const z1 = (d2 + d6) * c0541;
    const t2 = z1 - d6 * c1847;
    const t3 = z1 + d2 * c0765;
    const t0 = (d0 + d4) << 13;
    const t1 = (d0 - d4) << 13;
    const t10 = t0 + t3;
    const t13 = t0 - t3;
    const t11 = t1 + t2;
    const t12 = t1 - t2;
    const z5 = (d7 + d3 + d5 + d1) * c1175;
    const y1 = -(d7 + d1) * c0899;
    const y2 = -(d5 + d3) * c2562;
    const y3 = z5 - (d7 + d3) * c1961;
    const y4 = z5 - (d5 + d1) * c0390;
    const o0 = d7 * c0298 + y1 + y3;
    const o1 = d5 * c2053 + y2 + y4;
    const o2 = d3 * c3072 + y2 + y3;
    const o3 = d1 * c1501 + y1 + y4;
    work[i] = (t10 + o3 + 1024) >> 11;
    work[i + 56] = (t10 - o3 + 1024) >> 11;
    work[i + 8] = (t11 + o2 + 1024) >> 11;
    work[i + 48] = (t11 - o2 + 1024) >> 11;
    work[i + 16] = (t12 + o1 + 1024) >> 11;
    work[i + 40] = (t12 - o1 + 1024) >> 11;
    work[i + 24] = (t13 + o0 + 1024) >> 11;
    work[i + 32] = (t13 - o0 + 1024) >> 11;
  }
  // 128 is added to the samples, and the sum rounded: shift 18 = 13 + 2 + 3 bits.
  const round = (1 << 17) + (128 << 18);
  for (let i = 0, to = at; i < 64; i += 8, to += stride) {
    const d2 = work[i + 2] as number;
    const d6 = work[i + 6] as number;
    const z1 = (d2 + d6) * c0541;
    const t2 = z1 - d6 * c1847;
    const t3 = z1 + d2 * c0765;
    const t0 = (((work[i] as number) + (work[i + 4] as number)) << 13) + round;
    const t1 = (((work[i] as number) - (work[i + 4] as number)) << 13) + round;
    const t10 = t0 + t3;
    const t13 = t0 - t3;
    const t11 = t1 + t2;
    const t12 = t1 - t2;
    const d1 = work[i + 1] as number;
    const d3 = work[i + 3] as number;
    const d5 = work[i + 5] as number;
    const d7 = work[i + 7] as number;
    const z5 = (d7 + d3 + d5 + d1) * c1175;
    const y1 = -(d7 + d1) * c0899;
    const y2 = -(d5 + d3) * c2562;
    const y3 = z5 - (d7 + d3) * c1961;
    const y4 = z5 - (d5 + d1) * c0390;
    const o0 = d7 * c0298 + y1 + y3;
    const o1 = d5 * c2053 + y2 + y4;
    const o2 = d3 * c3072 + y2 + y3;
    const o3 = d1 * c1501 + y1 + y4;
    plane[to] = clip((t10 + o3) >> 18);
    plane[to + 7] = clip((t10 - o3) >> 18);
    plane[to + 1] = clip((t11 + o2) >> 18);
    plane[to + 6] = clip((t11 - o2) >> 18);
    plane[to + 2] = clip((t12 + o1) >> 18);
    plane[to + 5] = clip((t12 - o1) >> 18);
    plane[to + 3] = clip((t13 + o0) >> 18);
    plane[to + 4] = clip((t13 - o0) >> 18);
  }
}

const clip = (value: number) => (value < 0 ? 0 : Math.min(value, 255));
