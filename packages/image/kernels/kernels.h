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

/* Bytes picked by a constant; -1 gives zero. V8 makes one instruction of it, but about ten of most two-vector shuffles. */
#define PICK(v, ...) wasm_i8x16_swizzle(v, wasm_i8x16_const(__VA_ARGS__))
#define OR wasm_v128_or

INLINE rgb16 load_rgb(const u8 *at) {
  v128_t a = wasm_v128_load(at), b = wasm_v128_load(at + 16), c = wasm_v128_load(at + 32);
  rgb16 out;
  out.r = OR(OR(PICK(a, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1), PICK(b, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1)), PICK(c, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13));
  out.g = OR(OR(PICK(a, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1), PICK(b, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1)), PICK(c, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14));
  out.b = OR(OR(PICK(a, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1), PICK(b, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1)), PICK(c, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15));
  return out;
}

INLINE void store_rgb(u8 *at, rgb16 p) {
  wasm_v128_store(at, OR(OR(PICK(p.r, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1, 5), PICK(p.g, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1, -1)), PICK(p.b, -1, -1, 0, -1, -1, 1, -1, -1, 2, -1, -1, 3, -1, -1, 4, -1)));
  wasm_v128_store(at + 16, OR(OR(PICK(p.r, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10, -1), PICK(p.g, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1, 10)), PICK(p.b, -1, 5, -1, -1, 6, -1, -1, 7, -1, -1, 8, -1, -1, 9, -1, -1)));
  wasm_v128_store(at + 32, OR(OR(PICK(p.r, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1, -1), PICK(p.g, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15, -1)), PICK(p.b, 10, -1, -1, 11, -1, -1, 12, -1, -1, 13, -1, -1, 14, -1, -1, 15)));
}

/* A quarter of 16 bytes as 32-bit integers, and back with saturation. */
INLINE v128_t widen(v128_t bytes, i32 quarter) {
  v128_t half = quarter < 2 ? wasm_u16x8_extend_low_u8x16(bytes) : wasm_u16x8_extend_high_u8x16(bytes);
  return quarter % 2 == 0 ? wasm_u32x4_extend_low_u16x8(half) : wasm_u32x4_extend_high_u16x8(half);
}

/* Neighboring channels side by side as 16-bit numbers: r g r g ... and g b g b ..., four pixels each. */
typedef struct {
  v128_t rg[4], gb[4];
} channel_pairs;

INLINE void pair_up(v128_t a, v128_t b, v128_t *out) {
  v128_t low = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  v128_t high = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  out[0] = wasm_u16x8_extend_low_u8x16(low);
  out[1] = wasm_u16x8_extend_high_u8x16(low);
  out[2] = wasm_u16x8_extend_low_u8x16(high);
  out[3] = wasm_u16x8_extend_high_u8x16(high);
}

INLINE channel_pairs pairs_of(rgb16 p) {
  channel_pairs out;
  pair_up(p.r, p.g, out.rg);
  pair_up(p.g, p.b, out.gb);
  return out;
}

/* Two 16-bit factors for wasm_i32x4_dot_i16x8. */
INLINE v128_t factors(i32 a, i32 b) { return wasm_i32x4_splat((a & 0xffff) | (i32)((u32)b << 16)); }

/* (19595 r + 38470 g + 7471 b + 32768) >> 16; green's factor is too large for 16 bits, so each pair brings half of it. */
INLINE v128_t gray4(v128_t rg, v128_t gb) {
  v128_t sum = wasm_i32x4_add(wasm_i32x4_dot_i16x8(rg, factors(19595, 19235)),
                              wasm_i32x4_dot_i16x8(gb, factors(19235, 7471)));
  return wasm_u32x4_shr(wasm_i32x4_add(sum, wasm_i32x4_const_splat(32768)), 16);
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
