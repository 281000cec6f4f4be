/* Pillow's geometric transforms (Geometry.c). The caller has filled `out`. */
#include "kernels.h"

/* affine_fixed: nearest neighbor with 16.16 fixed-point steps. */
KERNEL(affine_nearest)(const u8 *data, i32 in_width, i32 in_height, i32 row_x, i32 row_y, i32 step_x, i32 step_y,
                       i32 down_x, i32 down_y, i32 width, i32 height, u8 *out) {
  for (i32 y = 0; y < height; y++) {
    i32 xx = row_x, yy = row_y;
    for (i32 x = 0; x < width; x++, out += 3) {
      u32 column = (u32)(xx >> 16), row = (u32)(yy >> 16);
      xx += step_x;
      yy += step_y;
      if (column < (u32)in_width && row < (u32)in_height) put_pixel(out, pixel_at(data + (row * in_width + column) * 3));
    }
    row_x += down_x;
    row_y += down_y;
  }
}

/* Two neighboring pixels mixed: 14-bit weights (16384 - d, d); the result has 7 fractional bits. */
INLINE v128_t mix_pair(const u8 *at, v128_t weights) {
  v128_t bytes = wasm_v128_load64_zero(at);
  v128_t pairs = PICK(bytes, 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  return wasm_i32x4_shr(wasm_i32x4_dot_i16x8(pairs, weights), 7);
}

/* Bilinear, affine or perspective: m holds the eight coefficients. */
KERNEL(warp_bilinear)(const u8 *data, i32 in_width, i32 in_height, const f64 *m, i32 width, i32 height, u8 *out) {
  i32 stride = in_width * 3;
  f64 a = m[0], d = m[3], g = m[6];
  for (i32 y = 0; y < height; y++) {
    f64 py = y + 0.5;
    f64 row_x = m[1] * py + m[2], row_y = m[4] * py + m[5], row_w = m[7] * py + 1.0;
    for (i32 x = 0; x < width; x++, out += 3) {
      f64 px = x + 0.5;
      f64 scale = 1.0 / (g * px + row_w);
      f64 sx = (a * px + row_x) * scale, sy = (d * px + row_y) * scale;
      if (!(sx >= 0 && sx < in_width && sy >= 0 && sy < in_height)) continue;
      /* Half a pixel back and one forward again, so that the values are positive; 14 fractional bits. */
      i32 fx = (i32)(sx * 16384.0 + 8192.0), fy = (i32)(sy * 16384.0 + 8192.0);
      i32 x0 = (fx >> 14) - 1, y0 = (fy >> 14) - 1, dx = fx & 16383, dy = fy & 16383;
      /* Beyond the border the border's pixel is repeated. */
      if (x0 < 0) x0 = 0, dx = 0;
      if (x0 == in_width - 1) dx = 0;
      if (y0 < 0) y0 = 0, dy = 0;
      const u8 *at = data + y0 * stride + x0 * 3;
      const u8 *below = y0 + 1 < in_height ? at + stride : at;
      v128_t wx = wasm_i32x4_splat((16384 - dx) | (dx << 16)), wy = wasm_i32x4_splat((16384 - dy) | (dy << 16));
      v128_t upper = mix_pair(at, wx), lower = mix_pair(below, wx);
      v128_t sum = wasm_i32x4_dot_i16x8(wasm_v128_or(upper, wasm_i32x4_shl(lower, 16)), wy);
      sum = wasm_i32x4_shr(sum, 21);
      v128_t narrow = wasm_i16x8_narrow_i32x4(sum, sum);
      put_pixel(out, (u32)wasm_i32x4_extract_lane(wasm_u8x16_narrow_i16x8(narrow, narrow), 0));
    }
  }
}
