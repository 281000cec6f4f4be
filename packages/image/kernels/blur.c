/* Separable blur: 14-bit weights, 7 fractional bits between the passes. */
#include "kernels.h"

/* One padded row (radius pixels on both sides) to 16-bit sums; `taps` is even, the last weight may be zero. */
INLINE void blur_row(const u8 *padded, const i16 *weights, i32 taps, i32 length, i16 *out) {
  v128_t half = wasm_i32x4_const_splat(1 << 6);
  for (i32 i = 0; i < length; i += 8) {
    v128_t s0 = half, s1 = half;
    for (i32 k = 0; k < taps; k += 2) {
      v128_t a = wasm_u16x8_load8x8(padded + i + 3 * k), b = wasm_u16x8_load8x8(padded + i + 3 * k + 3);
      v128_t pair = wasm_v128_load32_splat(weights + k);
      s0 = wasm_i32x4_add(s0, wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), pair));
      s1 = wasm_i32x4_add(s1, wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15), pair));
    }
    wasm_v128_store(out + i, wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(s0, 7), wasm_i32x4_shr(s1, 7)));
  }
}

/* `columns` and `rows` say where the reflected borders read. `row` has room for (width + taps + 8) pixels, `middle` for
   height rows of `pitch` 16-bit values, pitch being a multiple of 8. */
KERNEL(blur)(const u8 *data, i32 width, i32 height, const i32 *columns, const i32 *rows, const i16 *wx, i32 taps_x,
             const i16 *wy, i32 taps_y, i32 radius_x, i32 rows_last, u8 *row, i16 *middle, i32 pitch, u8 *out) {
  i32 length = width * 3;
  for (i32 y = 0; y < height; y++) {
    const u8 *from = data + y * length;
    for (i32 x = 0; x < radius_x; x++) put_pixel(row + x * 3, pixel_at(from + columns[x] * 3));
    __builtin_memcpy(row + radius_x * 3, from, length);
    for (i32 x = 0; x < radius_x; x++)
      put_pixel(row + (radius_x + width + x) * 3, pixel_at(from + columns[radius_x + width + x] * 3));
    blur_row(row, wx, taps_x, length, middle + y * pitch);
  }
  v128_t half = wasm_i32x4_const_splat(1 << 20);
  for (i32 y = 0; y < height; y++) {
    u8 *to = out + y * length;
    for (i32 i = 0; i < length; i += 8) {
      v128_t s0 = half, s1 = half;
      for (i32 k = 0; k < taps_y; k += 2) {
        i32 lower = y + k + 1 > rows_last ? rows_last : y + k + 1;
        v128_t a = wasm_v128_load(middle + rows[y + k] * pitch + i), b = wasm_v128_load(middle + rows[lower] * pitch + i);
        v128_t pair = wasm_v128_load32_splat(wy + k);
        s0 = wasm_i32x4_add(s0, wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11), pair));
        s1 = wasm_i32x4_add(s1, wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15), pair));
      }
      v128_t wide = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(s0, 21), wasm_i32x4_shr(s1, 21));
      v128_t bytes = wasm_u8x16_narrow_i16x8(wide, wide);
      if (i + 8 <= length) wasm_v128_store64_lane(to + i, bytes, 0);
      else {
        u8 buffer[16];
        wasm_v128_store(buffer, bytes);
        __builtin_memcpy(to + i, buffer, length - i);
      }
    }
  }
}
