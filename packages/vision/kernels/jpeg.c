/* The lossy half of JPEG (libjpeg's islow transforms), on planes padded to whole blocks. */
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

INLINE v128_t quantise(v128_t value, const i32 *steps, const f32 *inverse8) {
  /* Round half away from zero, as libjpeg divides: |v| + step/2, then floor. v is scaled by 8. */
  v128_t sign = wasm_i32x4_shr(value, 31);
  v128_t size = wasm_i32x4_abs(value);
  v128_t step = wasm_v128_load(steps);
  v128_t sum = ADD(size, wasm_i32x4_shl(step, 2));
  v128_t quotient = wasm_i32x4_trunc_sat_f32x4(
      wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), wasm_v128_load(inverse8)));
  v128_t result = wasm_i32x4_mul(quotient, step);
  return SUB(wasm_v128_xor(result, sign), sign);
}

INLINE v128_t load4(const u8 *at) { return wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(load32(at))); }

INLINE void store_row(u8 *at, v128_t left, v128_t right) {
  v128_t offset = wasm_i32x4_const_splat(128);
  v128_t wide = wasm_i16x8_narrow_i32x4(ADD(left, offset), ADD(right, offset));
  wasm_v128_store64_lane(at, wasm_u8x16_narrow_i16x8(wide, wide), 0);
}

/* `inverse8` holds slightly more than 1 / (8 step), so that exact multiples are not rounded down. */
KERNEL(jpeg_requantise)(u8 *plane, i32 width, i32 height, const i32 *steps, const f32 *inverse8) {
  for (i32 top = 0; top < height; top += 8) {
    for (i32 at = 0; at < width; at += 8) {
      u8 *block = plane + top * width + at;
      lanes left, right;
      for (i32 r = 0; r < 8; r++) {
        left.v[r] = load4(block + r * width);
        right.v[r] = load4(block + r * width + 4);
      }
      transpose8(&left, &right);
      forward(&left, 1);
      forward(&right, 1);
      transpose8(&left, &right);
      forward(&left, 0);
      forward(&right, 0);
      for (i32 r = 0; r < 8; r++) {
        left.v[r] = quantise(left.v[r], steps + 8 * r, inverse8 + 8 * r);
        right.v[r] = quantise(right.v[r], steps + 8 * r + 4, inverse8 + 8 * r + 4);
      }
      inverse(&left, 1);
      inverse(&right, 1);
      transpose8(&left, &right);
      inverse(&left, 0);
      inverse(&right, 0);
      transpose8(&left, &right);
      for (i32 r = 0; r < 8; r++) store_row(block + r * width, left.v[r], right.v[r]);
    }
  }
}

INLINE i32 blue_of(const u8 *p) { return (-11059 * p[0] - 21709 * p[1] + 32768 * p[2] + (128 << 16) + 32767) >> 16; }
INLINE i32 red_of(const u8 *p) { return (32768 * p[0] - 27439 * p[1] - 5329 * p[2] + (128 << 16) + 32767) >> 16; }

/* RGB to Y at full size, Cb and Cr averaged over 2x2 pixels; planes are padded by repetition. */
KERNEL(jpeg_to_ycc)(const u8 *data, i32 width, i32 height, u8 *luma, i32 y_width, i32 y_height, u8 *cb, u8 *cr,
                    i32 c_width, i32 c_height) {
  i32 half_height = (height + 1) / 2;
  for (i32 y = 0; y < height; y++) {
    const u8 *from = data + y * width * 3;
    u8 *to = luma + y * y_width;
    for (i32 x = 0; x < width; x++)
      to[x] = (u8)((from[3 * x] * 19595 + from[3 * x + 1] * 38470 + from[3 * x + 2] * 7471 + 32768) >> 16);
    for (i32 x = width; x < y_width; x++) to[x] = to[width - 1];
  }
  for (i32 y = height; y < y_height; y++) __builtin_memcpy(luma + y * y_width, luma + (height - 1) * y_width, y_width);
  for (i32 y = 0; y < half_height; y++) {
    const u8 *upper = data + 2 * y * width * 3;
    const u8 *lower = 2 * y + 1 < height ? upper + width * 3 : upper;
    for (i32 x = 0; x < c_width; x++) {
      i32 left = 2 * x < width ? 2 * x : width - 1, right = 2 * x + 1 < width ? 2 * x + 1 : width - 1;
      i32 bias = 1 + (x & 1);
      const u8 *a = upper + left * 3, *b = upper + right * 3, *c = lower + left * 3, *d = lower + right * 3;
      cb[y * c_width + x] = (u8)((blue_of(a) + blue_of(b) + blue_of(c) + blue_of(d) + bias) >> 2);
      cr[y * c_width + x] = (u8)((red_of(a) + red_of(b) + red_of(c) + red_of(d) + bias) >> 2);
    }
  }
  for (i32 y = half_height; y < c_height; y++) {
    __builtin_memcpy(cb + y * c_width, cb + (half_height - 1) * c_width, c_width);
    __builtin_memcpy(cr + y * c_width, cr + (half_height - 1) * c_width, c_width);
  }
}

/* One row of chroma at full width by the triangle filter. */
INLINE void upsample(const u8 *near, const u8 *far, i32 size, u8 *out) {
  if (size <= 2) {
    for (i32 x = 0; x < size; x++) out[2 * x] = out[2 * x + 1] = near[x];
    return;
  }
#define SUM(x) (near[x] * 3 + far[x])
  out[0] = (u8)((SUM(0) * 4 + 8) >> 4);
  out[1] = (u8)((SUM(0) * 3 + SUM(1) + 7) >> 4);
  for (i32 x = 1; x < size - 1; x++) {
    i32 here = SUM(x) * 3;
    out[2 * x] = (u8)((here + SUM(x - 1) + 8) >> 4);
    out[2 * x + 1] = (u8)((here + SUM(x + 1) + 7) >> 4);
  }
  out[2 * size - 2] = (u8)((SUM(size - 1) * 3 + SUM(size - 2) + 8) >> 4);
  out[2 * size - 1] = (u8)((SUM(size - 1) * 4 + 7) >> 4);
}

/* `rows` has room for two rows of width + 1 bytes. */
KERNEL(jpeg_from_ycc)(const u8 *luma, i32 y_width, const u8 *cb, const u8 *cr, i32 c_width, i32 width, i32 height,
                      u8 *rows, u8 *out) {
  i32 half_width = (width + 1) / 2, half_height = (height + 1) / 2;
  u8 *blue = rows, *red = rows + 2 * half_width;
  for (i32 y = 0; y < height; y++) {
    i32 near = y / 2, far = (y & 1) == 0 ? near - 1 : near + 1;
    if (far < 0) far = 0;
    if (far > half_height - 1) far = half_height - 1;
    upsample(cb + near * c_width, cb + far * c_width, half_width, blue);
    upsample(cr + near * c_width, cr + far * c_width, half_width, red);
    const u8 *from = luma + y * y_width;
    for (i32 x = 0; x < width; x++, out += 3) {
      i32 l = from[x], b = blue[x] - 128, r = red[x] - 128;
      out[0] = (u8)clip8(l + ((91881 * r + 32768) >> 16));
      out[1] = (u8)clip8(l + ((-22554 * b - 46802 * r + 32768) >> 16));
      out[2] = (u8)clip8(l + ((116130 * b + 32768) >> 16));
    }
  }
}
