/* Transforms of libjpeg's islow method on half blocks: four columns at a time. */
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

typedef struct {
  v128_t v[8];
} lanes;

INLINE v128_t times(v128_t a, i32 c) { return wasm_i32x4_mul(a, wasm_i32x4_splat(c)); }
#define ADD wasm_i32x4_add
#define SUB wasm_i32x4_sub

INLINE v128_t descale(v128_t a, i32 shift) { return wasm_i32x4_shr(ADD(a, wasm_i32x4_splat(1 << (shift - 1))), shift); }

/* One forward pass over four columns. `first` scales by 4 and takes 128 from each sample, the second pass divides by 4. */
INLINE void forward(lanes *x, i32 first) {
  v128_t *s = x->v;
  v128_t t0 = ADD(s[0], s[7]), t7 = SUB(s[0], s[7]), t1 = ADD(s[1], s[6]), t6 = SUB(s[1], s[6]);
  v128_t t2 = ADD(s[2], s[5]), t5 = SUB(s[2], s[5]), t3 = ADD(s[3], s[4]), t4 = SUB(s[3], s[4]);
  v128_t t10 = ADD(t0, t3), t13 = SUB(t0, t3), t11 = ADD(t1, t2), t12 = SUB(t1, t2);
  i32 shift = first ? 11 : 15;
  if (first) {
    s[0] = wasm_i32x4_shl(SUB(ADD(t10, t11), wasm_i32x4_const_splat(1024)), 2);
    s[4] = wasm_i32x4_shl(SUB(t10, t11), 2);
  } else {
    s[0] = descale(ADD(t10, t11), 2);
    s[4] = descale(SUB(t10, t11), 2);
  }
  v128_t z1 = times(ADD(t12, t13), C0541);
  s[2] = descale(ADD(z1, times(t13, C0765)), shift);
  s[6] = descale(SUB(z1, times(t12, C1847)), shift);
  v128_t z3 = ADD(t4, t6), z4 = ADD(t5, t7), z5 = times(ADD(z3, z4), C1175);
  v128_t y1 = times(ADD(t4, t7), -C0899), y2 = times(ADD(t5, t6), -C2562);
  z3 = ADD(times(z3, -C1961), z5);
  z4 = ADD(times(z4, -C0390), z5);
  s[7] = descale(ADD(ADD(times(t4, C0298), y1), z3), shift);
  s[5] = descale(ADD(ADD(times(t5, C2053), y2), z4), shift);
  s[3] = descale(ADD(ADD(times(t6, C3072), y2), z3), shift);
  s[1] = descale(ADD(ADD(times(t7, C1501), y1), z4), shift);
}

INLINE void inverse(lanes *x, i32 first) {
  v128_t *s = x->v;
  v128_t z1 = times(ADD(s[2], s[6]), C0541);
  v128_t t2 = SUB(z1, times(s[6], C1847)), t3 = ADD(z1, times(s[2], C0765));
  v128_t t0 = wasm_i32x4_shl(ADD(s[0], s[4]), 13), t1 = wasm_i32x4_shl(SUB(s[0], s[4]), 13);
  v128_t t10 = ADD(t0, t3), t13 = SUB(t0, t3), t11 = ADD(t1, t2), t12 = SUB(t1, t2);
  v128_t d1 = s[1], d3 = s[3], d5 = s[5], d7 = s[7];
  v128_t z3 = ADD(d7, d3), z4 = ADD(d5, d1), z5 = times(ADD(z3, z4), C1175);
  v128_t y1 = times(ADD(d7, d1), -C0899), y2 = times(ADD(d5, d3), -C2562);
  z3 = ADD(times(z3, -C1961), z5);
  z4 = ADD(times(z4, -C0390), z5);
  v128_t o0 = ADD(ADD(times(d7, C0298), y1), z3), o1 = ADD(ADD(times(d5, C2053), y2), z4);
  v128_t o2 = ADD(ADD(times(d3, C3072), y2), z3), o3 = ADD(ADD(times(d1, C1501), y1), z4);
  i32 shift = first ? 11 : 18;
  s[0] = descale(ADD(t10, o3), shift);
  s[7] = descale(SUB(t10, o3), shift);
  s[1] = descale(ADD(t11, o2), shift);
  s[6] = descale(SUB(t11, o2), shift);
  s[2] = descale(ADD(t12, o1), shift);
  s[5] = descale(SUB(t12, o1), shift);
  s[3] = descale(ADD(t13, o0), shift);
  s[4] = descale(SUB(t13, o0), shift);
}

INLINE void transpose4(v128_t *a, v128_t *b, v128_t *c, v128_t *d) {
  v128_t ab0 = wasm_i32x4_shuffle(*a, *b, 0, 4, 1, 5), ab1 = wasm_i32x4_shuffle(*a, *b, 2, 6, 3, 7);
  v128_t cd0 = wasm_i32x4_shuffle(*c, *d, 0, 4, 1, 5), cd1 = wasm_i32x4_shuffle(*c, *d, 2, 6, 3, 7);
  *a = wasm_i64x2_shuffle(ab0, cd0, 0, 2);
  *b = wasm_i64x2_shuffle(ab0, cd0, 1, 3);
  *c = wasm_i64x2_shuffle(ab1, cd1, 0, 2);
  *d = wasm_i64x2_shuffle(ab1, cd1, 1, 3);
}

/* An 8x8 block is two halves: left.v[r] has columns 0-3 of row r, right.v[r] columns 4-7. */
INLINE void transpose8(lanes *left, lanes *right) {
  for (i32 i = 0; i < 8; i += 4) {
    transpose4(&left->v[i], &left->v[i + 1], &left->v[i + 2], &left->v[i + 3]);
    transpose4(&right->v[i], &right->v[i + 1], &right->v[i + 2], &right->v[i + 3]);
  }
  for (i32 i = 0; i < 4; i++) {
    v128_t swap = left->v[i + 4];
    left->v[i + 4] = right->v[i];
    right->v[i] = swap;
  }
}

INLINE void store_row(u8 *at, v128_t left, v128_t right) {
  v128_t offset = wasm_i32x4_const_splat(128);
  v128_t wide = wasm_i16x8_narrow_i32x4(ADD(left, offset), ADD(right, offset));
  wasm_v128_store64_lane(at, wasm_u8x16_narrow_i16x8(wide, wide), 0);
}
