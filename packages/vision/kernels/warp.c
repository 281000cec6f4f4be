/* Pillow's geometric transforms (Geometry.c). The caller has filled `out`. */
#include "kernels.h"

/* affine_fixed: nearest neighbour with 16.16 fixed-point steps. */
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

INLINE v128_t pixel_floats(const u8 *at) {
  v128_t bytes = load32(at);
  return wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes)));
}

/* Bilinear, affine or perspective: m holds the eight coefficients. */
KERNEL(warp_bilinear)(const u8 *data, i32 in_width, i32 in_height, const f64 *m, i32 width, i32 height, u8 *out) {
  for (i32 y = 0; y < height; y++) {
    f64 py = y + 0.5;
    f64 row_x = m[1] * py + m[2], row_y = m[4] * py + m[5], row_w = m[7] * py + 1.0;
    for (i32 x = 0; x < width; x++, out += 3) {
      f64 px = x + 0.5;
      f64 scale = 1.0 / (m[6] * px + row_w);
      f64 sx = (m[0] * px + row_x) * scale, sy = (m[3] * px + row_y) * scale;
      if (!(sx >= 0 && sx < in_width && sy >= 0 && sy < in_height)) continue;
      sx -= 0.5;
      sy -= 0.5;
      f64 fx = __builtin_floor(sx), fy = __builtin_floor(sy);
      i32 x0 = (i32)fx, y0 = (i32)fy;
      i32 left = x0 < 0 ? 0 : x0, right = x0 + 1 < in_width ? x0 + 1 : in_width - 1;
      i32 top = y0 < 0 ? 0 : y0, bottom = y0 + 1 < in_height ? y0 + 1 : top;
      const u8 *upper = data + top * in_width * 3, *lower = data + bottom * in_width * 3;
      v128_t dx = wasm_f32x4_splat((f32)(sx - fx)), dy = wasm_f32x4_splat((f32)(sy - fy));
      v128_t a = pixel_floats(upper + left * 3), b = pixel_floats(upper + right * 3);
      v128_t c = pixel_floats(lower + left * 3), d = pixel_floats(lower + right * 3);
      v128_t p = wasm_f32x4_add(a, wasm_f32x4_mul(wasm_f32x4_sub(b, a), dx));
      v128_t q = wasm_f32x4_add(c, wasm_f32x4_mul(wasm_f32x4_sub(d, c), dx));
      v128_t v = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_add(p, wasm_f32x4_mul(wasm_f32x4_sub(q, p), dy)));
      v128_t narrow = wasm_i16x8_narrow_i32x4(v, v);
      put_pixel(out, (u32)wasm_i32x4_extract_lane(wasm_u8x16_narrow_i16x8(narrow, narrow), 0));
    }
  }
}
