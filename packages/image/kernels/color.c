/* Pillow's color changes, in place. */
#include "kernels.h"

KERNEL(look_up)(u8 *data, i32 length, const u8 *table) {
  i32 i = 0;
  for (; i + 4 <= length; i += 4) {
    u8 a = table[data[i]], b = table[data[i + 1]], c = table[data[i + 2]], d = table[data[i + 3]];
    data[i] = a;
    data[i + 1] = b;
    data[i + 2] = c;
    data[i + 3] = d;
  }
  for (; i < length; i++) data[i] = table[data[i]];
}

/* A table that is a straight line: (value * factor + offset) >> 14, clipped. The factor fits 16 bits. */
KERNEL(straight_line)(u8 *data, i32 length, i32 factor, i32 offset) {
  v128_t line = factors(factor, 0), base = wasm_i32x4_splat(offset);
  for (i32 i = 0; i < length; i += 16) {
    v128_t bytes = wasm_v128_load(data + i), sums[4];
    for (i32 q = 0; q < 4; q++)
      sums[q] = wasm_i32x4_shr(wasm_i32x4_add(wasm_i32x4_dot_i16x8(widen(bytes, q), line), base), 14);
    v128_t made = narrow4(sums);
    if (i + 16 <= length) wasm_v128_store(data + i, made);
    else {
      u8 buffer[16];
      wasm_v128_store(buffer, made);
      __builtin_memcpy(data + i, buffer, length - i);
    }
  }
}

/* Sum of the gray values of all pixels. */
KERNEL_OF(f64, gray_sum)(u8 *data, i32 pixels) {
  f64 total = 0;
  i32 groups = pixels / 16;
  v128_t sum = wasm_i32x4_const_splat(0);
  for (i32 group = 0; group < groups; group++) {
    channel_pairs p = pairs_of(load_rgb(data + group * 48));
    for (i32 q = 0; q < 4; q++) sum = wasm_i32x4_add(sum, gray4(p.rg[q], p.gb[q]));
    if (group % 4096 == 4095 || group == groups - 1) {
      total += (f64)wasm_i32x4_extract_lane(sum, 0) + wasm_i32x4_extract_lane(sum, 1) + wasm_i32x4_extract_lane(sum, 2) +
               wasm_i32x4_extract_lane(sum, 3);
      sum = wasm_i32x4_const_splat(0);
    }
  }
  for (i32 i = groups * 16; i < pixels; i++)
    total += (data[3 * i] * 19595 + data[3 * i + 1] * 38470 + data[3 * i + 2] * 7471 + 32768) >> 16;
  return total;
}

/* A float truncated to a byte. */
INLINE v128_t to_byte(v128_t value) {
  v128_t inside = wasm_f32x4_pmin(wasm_f32x4_pmax(value, wasm_f32x4_const_splat(0)), wasm_f32x4_const_splat(255));
  v128_t sum = wasm_f32x4_add(wasm_f32x4_floor(inside), wasm_f32x4_const_splat(8388608.0f));
  return wasm_v128_and(sum, wasm_i32x4_const_splat(255));
}

/* gray + factor (value - gray), in float32, truncated and clipped. */
INLINE rgb16 saturate16(rgb16 p, v128_t factor) {
  v128_t r[4], g[4], b[4];
  channel_pairs pairs = pairs_of(p);
  for (i32 q = 0; q < 4; q++) {
    r[q] = widen(p.r, q);
    g[q] = widen(p.g, q);
    b[q] = widen(p.b, q);
    v128_t gray = gray4(pairs.rg[q], pairs.gb[q]);
    v128_t base = wasm_f32x4_convert_i32x4(gray);
#define MIX(c)                                                                                   \
  c[q] = to_byte(wasm_f32x4_add(base, wasm_f32x4_mul(factor, wasm_f32x4_convert_i32x4(wasm_i32x4_sub(c[q], gray)))))
    MIX(r);
    MIX(g);
    MIX(b);
  }
  rgb16 out = {narrow4(r), narrow4(g), narrow4(b)};
  return out;
}

KERNEL(saturate)(u8 *data, i32 pixels, f32 amount) {
  v128_t factor = wasm_f32x4_splat(amount);
  FOR_GROUPS(data, pixels, at, { store_rgb(at, saturate16(load_rgb(at), factor)); })
}

INLINE v128_t pick(v128_t yes, v128_t no, v128_t mask) { return wasm_v128_bitselect(yes, no, mask); }

/* Integers of 0 .. 2^22 as integers: adding 2^23 leaves them in the low bits, rounded to the nearest. */
INLINE v128_t to_integer(v128_t value) {
  v128_t sum = wasm_f32x4_add(value, wasm_f32x4_const_splat(8388608.0f));
  return wasm_v128_and(sum, wasm_i32x4_const_splat(0x1ff));
}

/* Four pixels: to Pillow's 8-bit HSV, hue plus shift, and back; integer lanes in and out. */
INLINE void turn4(v128_t *pr, v128_t *pg, v128_t *pb, v128_t shift) {
  v128_t one = wasm_f32x4_const_splat(1), k255 = wasm_f32x4_const_splat(255), zero = wasm_f32x4_const_splat(0);
  v128_t v = wasm_i32x4_max(wasm_i32x4_max(*pr, *pg), *pb), low = wasm_i32x4_min(wasm_i32x4_min(*pr, *pg), *pb);
  v128_t red = wasm_i32x4_eq(*pr, v), green = wasm_v128_andnot(wasm_i32x4_eq(*pg, v), red);
  v128_t max = wasm_f32x4_convert_i32x4(v), range = wasm_f32x4_convert_i32x4(wasm_i32x4_sub(v, low));
  v128_t flat = wasm_f32x4_eq(range, zero);
  v128_t safe = pick(one, range, flat);
  /* Hue is base + plus / range - minus / range, with base 0, 2 or 4 by which channel is the largest. */
  v128_t plus = wasm_i32x4_sub(v, pick(*pb, pick(*pr, *pg, green), red));
  v128_t minus = wasm_i32x4_sub(v, pick(*pg, pick(*pb, *pr, green), red));
  v128_t base = pick(zero, pick(wasm_f32x4_const_splat(2), wasm_f32x4_const_splat(4), green), red);
  v128_t h = wasm_f32x4_add(base, wasm_f32x4_div(wasm_f32x4_convert_i32x4(plus), safe));
  h = wasm_f32x4_sub(h, wasm_f32x4_div(wasm_f32x4_convert_i32x4(minus), safe));
  h = wasm_f32x4_div(h, wasm_f32x4_const_splat(6));
  h = wasm_f32x4_add(h, wasm_v128_and(wasm_f32x4_lt(h, zero), one));
  v128_t hue = to_integer(wasm_f32x4_floor(wasm_f32x4_mul(h, k255)));
  v128_t s = wasm_f32x4_floor(wasm_f32x4_mul(wasm_f32x4_div(range, wasm_f32x4_pmax(max, one)), k255));
  hue = wasm_v128_and(wasm_i32x4_add(hue, shift), wasm_i32x4_const_splat(255));
  v128_t sixth = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(hue), wasm_f32x4_const_splat(6.0f / 255.0f));
  /* 85 and 170 are exact sixths. */
  v128_t whole = wasm_f32x4_floor(wasm_f32x4_add(sixth, wasm_f32x4_const_splat(1e-5f)));
  v128_t f = wasm_f32x4_sub(sixth, whole);
  v128_t amount = wasm_f32x4_mul(max, wasm_f32x4_mul(s, wasm_f32x4_const_splat(1.0f / 255.0f)));
  v128_t part = wasm_f32x4_mul(amount, f);
  v128_t p = to_integer(wasm_f32x4_sub(max, amount));
  v128_t q = to_integer(wasm_f32x4_sub(max, part));
  v128_t t = to_integer(wasm_f32x4_add(wasm_f32x4_sub(max, amount), part));
#define IS(n) wasm_f32x4_eq(whole, wasm_f32x4_const_splat(n))
  v128_t is1 = IS(1), is2 = IS(2), is3 = IS(3), is4 = IS(4), is0 = wasm_v128_or(IS(0), IS(6));
  /* red: v q p p t v; green: t v v q p p; blue: p p t v v q */
  *pr = pick(q, pick(p, pick(t, v, is4), wasm_v128_or(is2, is3)), is1);
  *pg = pick(t, pick(v, pick(q, p, is3), wasm_v128_or(is1, is2)), is0);
  *pb = pick(p, pick(t, pick(v, q, wasm_v128_or(is3, is4)), is2), wasm_v128_or(is0, is1));
}

INLINE rgb16 turn16(rgb16 p, v128_t shift) {
  v128_t r[4], g[4], b[4];
  for (i32 q = 0; q < 4; q++) {
    r[q] = widen(p.r, q);
    g[q] = widen(p.g, q);
    b[q] = widen(p.b, q);
    turn4(&r[q], &g[q], &b[q], shift);
  }
  rgb16 made = {narrow4(r), narrow4(g), narrow4(b)};
  return made;
}

KERNEL(turn_hue)(u8 *data, i32 pixels, i32 amount) {
  v128_t shift = wasm_i32x4_splat(amount);
  FOR_GROUPS(data, pixels, at, { store_rgb(at, turn16(load_rgb(at), shift)); })
}
