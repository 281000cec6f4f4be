/* Pixel kernels of @classifier-training/vision, compiled to WebAssembly with SIMD. Images are rows of 8-bit RGB pixels.
   Loops may read, never write, up to 16 bytes past the end of a buffer: the heap leaves that room. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int16_t i16;
typedef int32_t i32;
typedef float f32;
typedef double f64;

#define KERNEL(name) __attribute__((export_name(#name))) void name
#define KERNEL_OF(type, name) __attribute__((export_name(#name))) type name
#define INLINE static inline __attribute__((always_inline))

INLINE i32 clip8(i32 value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

INLINE v128_t load32(const void *at) { return wasm_v128_load32_zero(at); }

/* One RGB pixel, and a fourth byte that the next pixel overwrites. */
INLINE u32 pixel_at(const u8 *at) {
  u32 value;
  __builtin_memcpy(&value, at, 4);
  return value;
}

INLINE void put_pixel(u8 *at, u32 value) {
  at[0] = (u8)value;
  at[1] = (u8)(value >> 8);
  at[2] = (u8)(value >> 16);
}

/* 16 pixels from 48 bytes into planes of red, green and blue, and back. */
typedef struct {
  v128_t r, g, b;
} rgb16;

INLINE rgb16 load_rgb(const u8 *at) {
  v128_t a = wasm_v128_load(at), b = wasm_v128_load(at + 16), c = wasm_v128_load(at + 32);
  rgb16 out;
  v128_t t = wasm_i8x16_shuffle(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
  out.r = wasm_i8x16_shuffle(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
  t = wasm_i8x16_shuffle(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
  out.g = wasm_i8x16_shuffle(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
  t = wasm_i8x16_shuffle(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
  out.b = wasm_i8x16_shuffle(t, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
  return out;
}

INLINE void store_rgb(u8 *at, rgb16 p) {
  v128_t rg = wasm_i8x16_shuffle(p.r, p.g, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
  wasm_v128_store(at, wasm_i8x16_shuffle(rg, p.b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  rg = wasm_i8x16_shuffle(p.r, p.g, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
  wasm_v128_store(at + 16, wasm_i8x16_shuffle(rg, p.b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
  rg = wasm_i8x16_shuffle(p.r, p.g, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
  wasm_v128_store(at + 32, wasm_i8x16_shuffle(rg, p.b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
}

/* A quarter of 16 bytes as 32-bit integers, and back with saturation. */
INLINE v128_t widen(v128_t bytes, i32 quarter) {
  v128_t half = quarter < 2 ? wasm_u16x8_extend_low_u8x16(bytes) : wasm_u16x8_extend_high_u8x16(bytes);
  return quarter % 2 == 0 ? wasm_u32x4_extend_low_u16x8(half) : wasm_u32x4_extend_high_u16x8(half);
}

/* (19595 r + 38470 g + 7471 b + 32768) >> 16 */
INLINE v128_t gray4(v128_t r, v128_t g, v128_t b) {
  v128_t sum = wasm_i32x4_add(wasm_i32x4_mul(r, wasm_i32x4_const_splat(19595)), wasm_i32x4_mul(g, wasm_i32x4_const_splat(38470)));
  sum = wasm_i32x4_add(sum, wasm_i32x4_add(wasm_i32x4_mul(b, wasm_i32x4_const_splat(7471)), wasm_i32x4_const_splat(32768)));
  return wasm_u32x4_shr(sum, 16);
}

INLINE v128_t narrow4(const v128_t *q) {
  return wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(q[0], q[1]), wasm_i16x8_narrow_i32x4(q[2], q[3]));
}

/* The last pixels of an image go through a buffer of 48 bytes, so that loops see whole groups of 16. */
#define FOR_GROUPS(data, pixels, at, body)                                                                             \
  {                                                                                                                    \
    i32 groups = (pixels) / 16, rest = (pixels) % 16;                                                                  \
    for (i32 group = 0; group < groups; group++) {                                                                     \
      u8 *at = (data) + group * 48;                                                                                    \
      body                                                                                                             \
    }                                                                                                                  \
    if (rest > 0) {                                                                                                    \
      u8 buffer[48] = {0};                                                                                             \
      u8 *at = buffer;                                                                                                 \
      __builtin_memcpy(buffer, (data) + groups * 48, rest * 3);                                                        \
      body __builtin_memcpy((data) + groups * 48, buffer, rest * 3);                                                   \
    }                                                                                                                  \
  }
