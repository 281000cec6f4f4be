/* Transforms of libjpeg's islow method, eight columns of 16-bit numbers at a time; sums are 32 bits wide. */
#pragma once
#include "kernels.h"

#define C0298 2446
#define C0390 3196
#define C0541 4433
#define C0765 6270
#define C0899 7373
#define C1175 9633
#define C1501 12299
#define C1847 15137
#define C1961 16069
#define C2053 16819
#define C2562 20995
#define C3072 25172

/* An 8x8 block: row r in v[r]. */
typedef struct {
  v128_t v[8];
} block8;

/* Eight 32-bit sums. */
typedef struct {
  v128_t low, high;
} wide8;

#define ADD16 wasm_i16x8_add
#define SUB16 wasm_i16x8_sub

INLINE wide8 add8(wide8 a, wide8 b) { return (wide8){wasm_i32x4_add(a.low, b.low), wasm_i32x4_add(a.high, b.high)}; }
INLINE wide8 sub8(wide8 a, wide8 b) { return (wide8){wasm_i32x4_sub(a.low, b.low), wasm_i32x4_sub(a.high, b.high)}; }

INLINE wide8 interleave(v128_t a, v128_t b) {
  return (wide8){wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15)};
}

/* a * x + b * y of interleaved x and y. */
INLINE wide8 mix(wide8 xy, i32 a, i32 b) {
  v128_t pair = factors(a, b);
  return (wide8){wasm_i32x4_dot_i16x8(xy.low, pair), wasm_i32x4_dot_i16x8(xy.high, pair)};
}

INLINE v128_t shifted(wide8 a, i32 shift) {
  return wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(a.low, shift), wasm_i32x4_shr(a.high, shift));
}

INLINE wide8 rounding(i32 shift) {
  v128_t half = wasm_i32x4_splat(1 << (shift - 1));
  return (wide8){half, half};
}

/* One forward pass. `first` takes 128 from each sample and scales by 4, the second pass divides by 4. */
INLINE void forward(block8 *x, i32 first) {
  v128_t *s = x->v;
  v128_t t0 = ADD16(s[0], s[7]), t7 = SUB16(s[0], s[7]), t1 = ADD16(s[1], s[6]), t6 = SUB16(s[1], s[6]);
  v128_t t2 = ADD16(s[2], s[5]), t5 = SUB16(s[2], s[5]), t3 = ADD16(s[3], s[4]), t4 = SUB16(s[3], s[4]);
  v128_t t10 = ADD16(t0, t3), t13 = SUB16(t0, t3), t11 = ADD16(t1, t2), t12 = SUB16(t1, t2);
  i32 shift = first ? 11 : 15;
  if (first) {
    s[0] = wasm_i16x8_shl(SUB16(ADD16(t10, t11), wasm_i16x8_const_splat(1024)), 2);
    s[4] = wasm_i16x8_shl(SUB16(t10, t11), 2);
  } else {
    v128_t two = wasm_i16x8_const_splat(2);
    s[0] = wasm_i16x8_shr(ADD16(ADD16(t10, t11), two), 2);
    s[4] = wasm_i16x8_shr(ADD16(SUB16(t10, t11), two), 2);
  }
  wide8 half = rounding(shift), even = interleave(t12, t13);
  s[2] = shifted(add8(mix(even, C0541, C0541 + C0765), half), shift);
  s[6] = shifted(add8(mix(even, C0541 - C1847, C0541), half), shift);
  wide8 z = interleave(ADD16(t4, t6), ADD16(t5, t7)), outer = interleave(t4, t7), inner = interleave(t5, t6);
  wide8 z3 = add8(mix(z, C1175 - C1961, C1175), half), z4 = add8(mix(z, C1175, C1175 - C0390), half);
  s[7] = shifted(add8(mix(outer, C0298 - C0899, -C0899), z3), shift);
  s[5] = shifted(add8(mix(inner, C2053 - C2562, -C2562), z4), shift);
  s[3] = shifted(add8(mix(inner, -C2562, C3072 - C2562), z3), shift);
  s[1] = shifted(add8(mix(outer, -C0899, C1501 - C0899), z4), shift);
}

INLINE void inverse(block8 *x, i32 first) {
  v128_t *s = x->v;
  i32 shift = first ? 11 : 18;
  wide8 half = rounding(shift), ends = interleave(s[0], s[4]), even = interleave(s[2], s[6]);
  wide8 t0 = add8(mix(ends, 8192, 8192), half), t1 = add8(mix(ends, 8192, -8192), half);
  wide8 t2 = mix(even, C0541, C0541 - C1847), t3 = mix(even, C0541 + C0765, C0541);
  wide8 t10 = add8(t0, t3), t13 = sub8(t0, t3), t11 = add8(t1, t2), t12 = sub8(t1, t2);
  wide8 z = interleave(ADD16(s[7], s[3]), ADD16(s[5], s[1])), outer = interleave(s[7], s[1]), inner = interleave(s[5], s[3]);
  wide8 z3 = mix(z, C1175 - C1961, C1175), z4 = mix(z, C1175, C1175 - C0390);
  wide8 o0 = add8(mix(outer, C0298 - C0899, -C0899), z3), o1 = add8(mix(inner, C2053 - C2562, -C2562), z4);
  wide8 o2 = add8(mix(inner, -C2562, C3072 - C2562), z3), o3 = add8(mix(outer, -C0899, C1501 - C0899), z4);
  s[0] = shifted(add8(t10, o3), shift);
  s[7] = shifted(sub8(t10, o3), shift);
  s[1] = shifted(add8(t11, o2), shift);
  s[6] = shifted(sub8(t11, o2), shift);
  s[2] = shifted(add8(t12, o1), shift);
  s[5] = shifted(sub8(t12, o1), shift);
  s[3] = shifted(add8(t13, o0), shift);
  s[4] = shifted(sub8(t13, o0), shift);
}

INLINE void transpose8(block8 *x) {
  v128_t *s = x->v, a[8], b[8];
  for (i32 i = 0; i < 4; i++) {
    wide8 pair = interleave(s[i], s[i + 4]);
    a[2 * i] = pair.low;
    a[2 * i + 1] = pair.high;
  }
  for (i32 i = 0; i < 4; i++) {
    wide8 pair = interleave(a[i], a[i + 4]);
    b[2 * i] = pair.low;
    b[2 * i + 1] = pair.high;
  }
  for (i32 i = 0; i < 4; i++) {
    wide8 pair = interleave(b[i], b[i + 4]);
    s[2 * i] = pair.low;
    s[2 * i + 1] = pair.high;
  }
}

/* Both inverse passes, and the samples, 128 added, to eight rows. */
INLINE void inverse_to(block8 *x, u8 *at, i32 stride) {
  inverse(x, 1);
  transpose8(x);
  inverse(x, 0);
  /* Columns of bytes, two in each vector, to rows. */
  v128_t offset = wasm_i8x16_const_splat(-128), c[4];
  for (i32 i = 0; i < 4; i++) {
    v128_t both = wasm_v128_xor(wasm_i8x16_narrow_i16x8(x->v[2 * i], x->v[2 * i + 1]), offset);
    c[i] = PICK(both, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
  }
  wide8 left = interleave(c[0], c[1]), right = interleave(c[2], c[3]);
  v128_t rows[4] = {wasm_i32x4_shuffle(left.low, right.low, 0, 4, 1, 5), wasm_i32x4_shuffle(left.low, right.low, 2, 6, 3, 7),
                    wasm_i32x4_shuffle(left.high, right.high, 0, 4, 1, 5), wasm_i32x4_shuffle(left.high, right.high, 2, 6, 3, 7)};
  for (i32 i = 0; i < 4; i++) {
    wasm_v128_store64_lane(at + 2 * i * stride, rows[i], 0);
    wasm_v128_store64_lane(at + (2 * i + 1) * stride, rows[i], 1);
  }
}
