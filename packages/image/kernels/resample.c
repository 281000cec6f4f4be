/* Pillow's two-pass resize with 16-bit weights (torch's uint8 kernels use 16 bits too). */
#include "kernels.h"

/* Two neighboring pixels of 16 bytes, from byte 0 or 6 on, as (r r' g g' b b' . .) in 16 bits. */
#define FIRST_PAIR(bytes) PICK(bytes, 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
#define SECOND_PAIR(bytes) PICK(bytes, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1)

/* `count` (1 to 4) rows of one output position: the weights are read once for all of them. */
INLINE v128_t resample_pixel(const u8 *from, i32 stride, const i16 *w, i32 taps, i32 bits, i32 count) {
  v128_t sums[4];
  for (i32 r = 0; r < 4; r++) sums[r] = wasm_i32x4_splat(1 << (bits - 1));
  i32 k = 0;
  for (; k + 4 <= taps; k += 4, from += 12) {
    v128_t first = wasm_v128_load32_splat(w + k), second = wasm_v128_load32_splat(w + k + 2);
    for (i32 r = 0; r < count; r++) {
      v128_t bytes = wasm_v128_load(from + r * stride);
      sums[r] = wasm_i32x4_add(sums[r], wasm_i32x4_dot_i16x8(FIRST_PAIR(bytes), first));
      sums[r] = wasm_i32x4_add(sums[r], wasm_i32x4_dot_i16x8(SECOND_PAIR(bytes), second));
    }
  }
  if (k < taps) {
    v128_t first = wasm_v128_load32_splat(w + k);
    for (i32 r = 0; r < count; r++) {
      v128_t bytes = wasm_v128_load64_zero(from + r * stride);
      sums[r] = wasm_i32x4_add(sums[r], wasm_i32x4_dot_i16x8(FIRST_PAIR(bytes), first));
    }
  }
  for (i32 r = 0; r < count; r++) sums[r] = wasm_i32x4_shr(sums[r], bits);
  return narrow4(sums);
}

/* Rows of 3-channel pixels resampled horizontally. Every output position has `taps` (even) weights, zero-padded. */
KERNEL(resample_rows)(const u8 *data, i32 stride, i32 rows, const i32 *first, const i16 *weights, i32 taps, i32 bits,
                      i32 left, i32 width, u8 *out) {
  i32 pitch = width * 3, y = 0;
  first += left;
  weights += left * taps;
  for (; y + 4 <= rows; y += 4, data += 4 * stride, out += 4 * pitch) {
    u8 *to = out;
    for (i32 x = 0; x < width - 1; x++, to += 3) {
      /* A fourth byte is written, which the next pixel overwrites. */
      v128_t made = resample_pixel(data + first[x] * 3, stride, weights + x * taps, taps, bits, 4);
      wasm_v128_store32_lane(to, made, 0);
      wasm_v128_store32_lane(to + pitch, made, 1);
      wasm_v128_store32_lane(to + 2 * pitch, made, 2);
      wasm_v128_store32_lane(to + 3 * pitch, made, 3);
    }
    i32 x = width - 1;
    v128_t made = resample_pixel(data + first[x] * 3, stride, weights + x * taps, taps, bits, 4);
    put_pixel(to, (u32)wasm_i32x4_extract_lane(made, 0));
    put_pixel(to + pitch, (u32)wasm_i32x4_extract_lane(made, 1));
    put_pixel(to + 2 * pitch, (u32)wasm_i32x4_extract_lane(made, 2));
    put_pixel(to + 3 * pitch, (u32)wasm_i32x4_extract_lane(made, 3));
  }
  for (; y < rows; y++, data += stride, out += pitch)
    for (i32 x = 0; x < width; x++) {
      v128_t made = resample_pixel(data + first[x] * 3, stride, weights + x * taps, taps, bits, 1);
      put_pixel(out + 3 * x, (u32)wasm_i32x4_extract_lane(made, 0));
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

/* Nearest neighbor: the positions to read in each direction are given. */
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
  for (i32 y = 0; y < height; y++, data += width * 3, out += width * 3) {
    i32 x = 0;
    for (; x + 16 <= width; x += 16) {
      rgb16 p = load_rgb(data + (width - 16 - x) * 3);
#define REVERSE(v) PICK(v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
      rgb16 turned = {REVERSE(p.r), REVERSE(p.g), REVERSE(p.b)};
      store_rgb(out + x * 3, turned);
    }
    for (; x < width; x++) put_pixel(out + x * 3, pixel_at(data + (width - 1 - x) * 3));
  }
}
