/* Adds noise from a pool of normal numbers (11 fractional bits), each row from a place of its own; clips and truncates. */
#include "kernels.h"

KERNEL(add_noise)(const u8 *data, i32 row_bytes, i32 rows, const i16 *pool, const i32 *starts, i32 sigma, u8 *out) {
  /* sigma has 5 fractional bits: products have 16. */
  v128_t factor = wasm_i32x4_splat(sigma);
  for (i32 y = 0; y < rows; y++, data += row_bytes, out += row_bytes) {
    const i16 *noise = pool + starts[y];
    i32 i = 0;
    for (; i + 8 <= row_bytes; i += 8) {
      v128_t n = wasm_v128_load(noise + i);
      v128_t lo = wasm_i32x4_shr(wasm_i32x4_mul(wasm_i32x4_extend_low_i16x8(n), factor), 16);
      v128_t hi = wasm_i32x4_shr(wasm_i32x4_mul(wasm_i32x4_extend_high_i16x8(n), factor), 16);
      v128_t sum = wasm_i16x8_add_sat(wasm_i16x8_narrow_i32x4(lo, hi), wasm_u16x8_load8x8(data + i));
      wasm_v128_store64_lane(out + i, wasm_u8x16_narrow_i16x8(sum, sum), 0);
    }
    for (; i < row_bytes; i++) out[i] = (u8)clip8(data[i] + ((noise[i] * sigma) >> 16));
  }
}
