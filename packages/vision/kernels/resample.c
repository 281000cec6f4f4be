/* Pillow's two-pass resize with 16-bit weights (torch's uint8 kernels use 16 bits too). */
#include "kernels.h"

/* One tap pair: pixels p and q as (r r' g g' b b' x x') in 16 bits. */
INLINE v128_t pixel_pair(const u8 *p) {
  v128_t bytes = wasm_v128_load64_zero(p);
  v128_t spread = wasm_i8x16_shuffle(bytes, wasm_i32x4_const(0, 0, 0, 0), 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16,
                                     16, 16);
  return spread;
}

/* Rows of 3-channel pixels resampled horizontally. Every output position has `taps` (even) weights, zero-padded. */
KERNEL(resample_rows)(const u8 *data, i32 stride, i32 rows, const i32 *first, const i16 *weights, i32 taps, i32 bits,
                      i32 left, i32 width, u8 *out) {
  v128_t half = wasm_i32x4_splat(1 << (bits - 1));
  for (i32 y = 0; y < rows; y++, data += stride, out += width * 3) {
    u8 *to = out;
    for (i32 x = left; x < left + width; x++, to += 3) {
      const u8 *from = data + first[x] * 3;
      const i16 *w = weights + x * taps;
      v128_t sum = half;
      for (i32 k = 0; k < taps; k += 2) {
        v128_t pair = wasm_v128_load32_splat(w + k);
        sum = wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(pixel_pair(from + k * 3), pair));
      }
      sum = wasm_i32x4_shr(sum, bits);
      v128_t narrow = wasm_i16x8_narrow_i32x4(sum, sum);
      put_pixel(to, (u32)wasm_i32x4_extract_lane(wasm_u8x16_narrow_i16x8(narrow, narrow), 0));
    }
  }
}

/* Rows mixed vertically: output row y is the weighted sum of `taps` (even, zero-padded) rows from first[y] on. */
KERNEL(resample_columns)(const u8 *data, i32 row_bytes, i32 last_row, const i32 *first, const i16 *weights, i32 taps,
                         i32 bits, i32 top, i32 base, i32 height, u8 *out) {
  v128_t half = wasm_i32x4_splat(1 << (bits - 1));
  for (i32 y = top; y < top + height; y++, out += row_bytes) {
    const i16 *w = weights + y * taps;
    i32 from = first[y] - base;
    i32 i = 0;
    for (; i + 16 <= row_bytes; i += 16) {
      v128_t s0 = half, s1 = half, s2 = half, s3 = half;
      for (i32 k = 0; k < taps; k += 2) {
        i32 upper = from + k, lower = from + k + 1;
        if (upper > last_row) upper = last_row;
        if (lower > last_row) lower = last_row;
        v128_t a = wasm_v128_load(data + upper * row_bytes + i), b = wasm_v128_load(data + lower * row_bytes + i);
        v128_t pair = wasm_v128_load32_splat(w + k);
        v128_t lo = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        v128_t hi = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        s0 = wasm_i32x4_add(s0, wasm_i32x4_dot_i16x8(wasm_u16x8_extend_low_u8x16(lo), pair));
        s1 = wasm_i32x4_add(s1, wasm_i32x4_dot_i16x8(wasm_u16x8_extend_high_u8x16(lo), pair));
        s2 = wasm_i32x4_add(s2, wasm_i32x4_dot_i16x8(wasm_u16x8_extend_low_u8x16(hi), pair));
        s3 = wasm_i32x4_add(s3, wasm_i32x4_dot_i16x8(wasm_u16x8_extend_high_u8x16(hi), pair));
      }
      v128_t lo = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(s0, bits), wasm_i32x4_shr(s1, bits));
      v128_t hi = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(s2, bits), wasm_i32x4_shr(s3, bits));
      wasm_v128_store(out + i, wasm_u8x16_narrow_i16x8(lo, hi));
    }
    for (; i < row_bytes; i++) {
      i32 sum = 1 << (bits - 1);
      for (i32 k = 0; k < taps; k++) {
        i32 row = from + k > last_row ? last_row : from + k;
        sum += data[row * row_bytes + i] * w[k];
      }
      out[i] = (u8)clip8(sum >> bits);
    }
  }
}

/* Nearest neighbour: the positions to read in each direction are given. */
KERNEL(resample_nearest)(const u8 *data, i32 stride, const i32 *columns, const i32 *rows, i32 width, i32 height, u8 *out) {
  i32 previous = -1;
  for (i32 y = 0; y < height; y++, out += width * 3) {
    if (rows[y] == previous) {
      __builtin_memcpy(out, out - width * 3, width * 3);
      continue;
    }
    previous = rows[y];
    const u8 *row = data + previous * stride;
    for (i32 x = 0; x < width; x++) put_pixel(out + x * 3, pixel_at(row + columns[x] * 3));
  }
}

KERNEL(flip_rows)(const u8 *data, i32 width, i32 height, u8 *out) {
  for (i32 y = 0; y < height; y++, data += width * 3, out += width * 3)
    for (i32 x = 0; x < width; x++) put_pixel(out + x * 3, pixel_at(data + (width - 1 - x) * 3));
}
