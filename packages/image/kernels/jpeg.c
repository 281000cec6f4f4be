/* The lossy half of JPEG (libjpeg's islow transforms), on planes padded to whole blocks. */
#include "jpeg.h"

INLINE v128_t quantize4(v128_t value, const i32 *steps, const f32 *inverse8) {
  /* Round half away from zero, as libjpeg divides: |v| + step/2, then floor. v is scaled by 8. */
  v128_t sign = wasm_i32x4_shr(value, 31);
  v128_t size = wasm_i32x4_abs(value);
  v128_t step = wasm_v128_load(steps);
  v128_t sum = wasm_i32x4_add(size, wasm_i32x4_shl(step, 2));
  v128_t quotient = wasm_i32x4_trunc_sat_f32x4(
      wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sum), wasm_v128_load(inverse8)));
  v128_t result = wasm_i32x4_mul(quotient, step);
  return wasm_i32x4_sub(wasm_v128_xor(result, sign), sign);
}

INLINE v128_t quantize(v128_t value, const i32 *steps, const f32 *inverse8) {
  return wasm_i16x8_narrow_i32x4(quantize4(wasm_i32x4_extend_low_i16x8(value), steps, inverse8),
                                 quantize4(wasm_i32x4_extend_high_i16x8(value), steps + 4, inverse8 + 4));
}

/* `inverse8` holds slightly more than 1 / (8 step), so that exact multiples are not rounded down. */
KERNEL(jpeg_requantise)(u8 *plane, i32 width, i32 height, const i32 *steps, const f32 *inverse8) {
  for (i32 top = 0; top < height; top += 8) {
    for (i32 left = 0; left < width; left += 8) {
      u8 *at = plane + top * width + left;
      block8 block;
      for (i32 r = 0; r < 8; r++) block.v[r] = wasm_u16x8_load8x8(at + r * width);
      transpose8(&block);
      forward(&block, 1);
      transpose8(&block);
      forward(&block, 0);
      for (i32 r = 0; r < 8; r++) block.v[r] = quantize(block.v[r], steps + 8 * r, inverse8 + 8 * r);
      inverse_to(&block, at, width);
    }
  }
}

INLINE i32 blue_of(const u8 *p) { return (-11059 * p[0] - 21709 * p[1] + 32768 * p[2] + (128 << 16) + 32767) >> 16; }
INLINE i32 red_of(const u8 *p) { return (32768 * p[0] - 27439 * p[1] - 5329 * p[2] + (128 << 16) + 32767) >> 16; }

/* Four pixels of chroma: 32768 times one channel and two smaller factors for the others. */
INLINE v128_t chroma4(v128_t main, v128_t others, v128_t weights) {
  v128_t sum = wasm_i32x4_add(wasm_i32x4_shl(main, 15), wasm_i32x4_dot_i16x8(others, weights));
  return wasm_i32x4_shr(wasm_i32x4_add(sum, wasm_i32x4_const_splat((128 << 16) + 32767)), 16);
}

/* Sums of two neighbors: 16 pixels of one row as eight numbers. */
typedef struct {
  v128_t blue, red;
} chroma_sums;

INLINE chroma_sums chroma_row(const u8 *at) {
  rgb16 p = load_rgb(at);
  channel_pairs pairs = pairs_of(p);
  v128_t blue[4], red[4];
  for (i32 q = 0; q < 4; q++) {
    blue[q] = chroma4(widen(p.b, q), pairs.rg[q], factors(-11059, -21709));
    red[q] = chroma4(widen(p.r, q), pairs.gb[q], factors(-27439, -5329));
  }
#define NEIGHBORS(v) \
  wasm_i16x8_narrow_i32x4(wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_narrow_i32x4(v[0], v[1])), \
                          wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_narrow_i32x4(v[2], v[3])))
  return (chroma_sums){NEIGHBORS(blue), NEIGHBORS(red)};
}

INLINE void store_mean(u8 *at, v128_t upper, v128_t lower) {
  v128_t bias = wasm_i16x8_const(1, 2, 1, 2, 1, 2, 1, 2);
  v128_t mean = wasm_u16x8_shr(wasm_i16x8_add(wasm_i16x8_add(upper, lower), bias), 2);
  wasm_v128_store64_lane(at, wasm_u8x16_narrow_i16x8(mean, mean), 0);
}

/* RGB to Y at full size, Cb and Cr averaged over 2x2 pixels; planes are padded by repetition. */
KERNEL(jpeg_to_ycc)(const u8 *data, i32 width, i32 height, u8 *luma, i32 y_width, i32 y_height, u8 *cb, u8 *cr,
                    i32 c_width, i32 c_height) {
  i32 half_height = (height + 1) / 2;
  for (i32 y = 0; y < height; y++) {
    const u8 *from = data + y * width * 3;
    u8 *to = luma + y * y_width;
    i32 x = 0;
    for (; x + 16 <= width; x += 16) {
      channel_pairs p = pairs_of(load_rgb(from + 3 * x));
      v128_t q[4];
      for (i32 k = 0; k < 4; k++) q[k] = gray4(p.rg[k], p.gb[k]);
      wasm_v128_store(to + x, narrow4(q));
    }
    for (; x < width; x++)
      to[x] = (u8)((from[3 * x] * 19595 + from[3 * x + 1] * 38470 + from[3 * x + 2] * 7471 + 32768) >> 16);
    for (i32 x = width; x < y_width; x++) to[x] = to[width - 1];
  }
  for (i32 y = height; y < y_height; y++) __builtin_memcpy(luma + y * y_width, luma + (height - 1) * y_width, y_width);
  for (i32 y = 0; y < half_height; y++) {
    const u8 *upper = data + 2 * y * width * 3;
    const u8 *lower = 2 * y + 1 < height ? upper + width * 3 : upper;
    i32 x = 0;
    for (; 2 * x + 16 <= width; x += 8) {
      chroma_sums above = chroma_row(upper + 6 * x), below = chroma_row(lower + 6 * x);
      store_mean(cb + y * c_width + x, above.blue, below.blue);
      store_mean(cr + y * c_width + x, above.red, below.red);
    }
    for (; x < c_width; x++) {
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

/* Chroma samples `from` to `to` of a row at full width by the triangle filter; `out` may be overrun by 16 bytes. */
INLINE void upsample(const u8 *near, const u8 *far, i32 size, i32 from, i32 to, u8 *out) {
  if (size <= 2) {
    for (i32 x = 0; x < size; x++) out[2 * x] = out[2 * x + 1] = near[x];
    return;
  }
#define SUM(x) (near[x] * 3 + far[x])
#define SUMS(x) \
  wasm_i16x8_add(wasm_i16x8_mul(wasm_u16x8_load8x8(near + (x)), wasm_i16x8_const_splat(3)), wasm_u16x8_load8x8(far + (x)))
  i32 x = from > 1 ? from : 1, end = to < size - 1 ? to : size - 1;
  for (; x < end && x + 9 <= size; x += 8) {
    v128_t here = wasm_i16x8_mul(SUMS(x), wasm_i16x8_const_splat(3));
    v128_t even = wasm_i16x8_add(wasm_i16x8_add(here, SUMS(x - 1)), wasm_i16x8_const_splat(8));
    v128_t odd = wasm_i16x8_add(wasm_i16x8_add(here, SUMS(x + 1)), wasm_i16x8_const_splat(7));
    v128_t pairs = wasm_v128_or(wasm_u16x8_shr(even, 4), wasm_i16x8_shl(wasm_u16x8_shr(odd, 4), 8));
    wasm_v128_store(out + 2 * x, pairs);
  }
  for (; x < end; x++) {
    i32 here = SUM(x) * 3;
    out[2 * x] = (u8)((here + SUM(x - 1) + 8) >> 4);
    out[2 * x + 1] = (u8)((here + SUM(x + 1) + 7) >> 4);
  }
  if (from == 0) {
    out[0] = (u8)((SUM(0) * 4 + 8) >> 4);
    out[1] = (u8)((SUM(0) * 3 + SUM(1) + 7) >> 4);
  }
  if (to >= size) {
    out[2 * size - 2] = (u8)((SUM(size - 1) * 3 + SUM(size - 2) + 8) >> 4);
    out[2 * size - 1] = (u8)((SUM(size - 1) * 4 + 7) >> 4);
  }
}

/* Eight pixels: y + 1.402 r, y - 0.34414 b - 0.71414 r, y + 1.772 b, each product rounded at 16 bits as libjpeg's tables
   are. The factors are split into an integer and a rest that fits 16 bits. */
typedef struct {
  v128_t r, g, b;
} rgb8;

INLINE rgb8 convert8(v128_t y, v128_t cb, v128_t cr) {
  v128_t b = wasm_i16x8_sub(cb, wasm_i16x8_const_splat(128)), r = wasm_i16x8_sub(cr, wasm_i16x8_const_splat(128));
  v128_t half = wasm_i32x4_const_splat(32768);
#define PRODUCT(v, factor)                                                                                      \
  wasm_i16x8_narrow_i32x4(                                                                                      \
      wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_extmul_low_i16x8(v, wasm_i16x8_const_splat(factor)), half), 16), \
      wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_extmul_high_i16x8(v, wasm_i16x8_const_splat(factor)), half), 16))
  v128_t weights = wasm_i16x8_const(-22554, 18734, -22554, 18734, -22554, 18734, -22554, 18734);
  v128_t low = wasm_i16x8_shuffle(b, r, 0, 8, 1, 9, 2, 10, 3, 11), high = wasm_i16x8_shuffle(b, r, 4, 12, 5, 13, 6, 14, 7, 15);
  v128_t green = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(low, weights), half), 16),
                                         wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(high, weights), half), 16));
  rgb8 out;
  out.r = wasm_i16x8_add(wasm_i16x8_add(y, r), PRODUCT(r, 26345));
  out.g = wasm_i16x8_add(wasm_i16x8_sub(y, r), green);
  out.b = wasm_i16x8_add(wasm_i16x8_add(y, wasm_i16x8_shl(b, 1)), PRODUCT(b, -14942));
  return out;
}

INLINE void convert_row(const u8 *y, const u8 *cb, const u8 *cr, i32 width, u8 *out) {
  for (i32 x = 0; x < width; x += 16) {
    v128_t luma = wasm_v128_load(y + x), blue = wasm_v128_load(cb + x), red = wasm_v128_load(cr + x);
    rgb8 low = convert8(wasm_u16x8_extend_low_u8x16(luma), wasm_u16x8_extend_low_u8x16(blue), wasm_u16x8_extend_low_u8x16(red));
    rgb8 high =
        convert8(wasm_u16x8_extend_high_u8x16(luma), wasm_u16x8_extend_high_u8x16(blue), wasm_u16x8_extend_high_u8x16(red));
    rgb16 made = {wasm_u8x16_narrow_i16x8(low.r, high.r), wasm_u8x16_narrow_i16x8(low.g, high.g),
                  wasm_u8x16_narrow_i16x8(low.b, high.b)};
    if (x + 16 <= width) store_rgb(out + 3 * x, made);
    else {
      u8 buffer[48];
      store_rgb(buffer, made);
      __builtin_memcpy(out + 3 * x, buffer, 3 * (width - x));
    }
  }
}

/* The region x0 <= x < x1, y0 <= y < y1 only. `rows` has room for two rows of width + 32 bytes. */
KERNEL(jpeg_from_ycc)(const u8 *luma, i32 y_width, const u8 *cb, const u8 *cr, i32 c_width, i32 width, i32 height,
                      u8 *rows, u8 *out, i32 x0, i32 y0, i32 x1, i32 y1) {
  i32 half_width = (width + 1) / 2, half_height = (height + 1) / 2;
  u8 *blue = rows, *red = rows + 2 * half_width + 16;
  for (i32 y = y0; y < y1; y++) {
    i32 near = y / 2, far = (y & 1) == 0 ? near - 1 : near + 1;
    if (far < 0) far = 0;
    if (far > half_height - 1) far = half_height - 1;
    upsample(cb + near * c_width, cb + far * c_width, half_width, x0 / 2, (x1 + 1) / 2, blue);
    upsample(cr + near * c_width, cr + far * c_width, half_width, x0 / 2, (x1 + 1) / 2, red);
    convert_row(luma + y * y_width + x0, blue + x0, red + x0, x1 - x0, out + (y * width + x0) * 3);
  }
}

/* Planes of full-size chroma to RGB. */
KERNEL(jpeg_from_ycc444)(const u8 *y, const u8 *cb, const u8 *cr, i32 stride, i32 width, u8 *out, i32 x0, i32 y0, i32 x1,
                         i32 y1) {
  for (i32 row = y0; row < y1; row++) {
    i32 at = row * stride + x0;
    convert_row(y + at, cb + at, cr + at, x1 - x0, out + (row * width + x0) * 3);
  }
}
