/* Normal noise from a table of quantiles, added, clipped and truncated. */
#include "kernels.h"

KERNEL(add_noise)(const u8 *data, i32 length, const f32 *table, i32 bits, f32 sigma, u32 *state, u8 *out) {
  u32 s0 = state[0], s1 = state[1], s2 = state[2], s3 = state[3];
  u32 mask = (1u << bits) - 1;
  for (i32 i = 0; i < length; i += 2) {
    /* xoshiro128++ (Blackman and Vigna) */
    u32 sum = s0 + s3;
    u32 word = ((sum << 7) | (sum >> 25)) + s0;
    u32 t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >> 21);
    out[i] = (u8)clip8((i32)((f32)data[i] + sigma * table[word & mask]));
    if (i + 1 < length) out[i + 1] = (u8)clip8((i32)((f32)data[i + 1] + sigma * table[word >> (32 - bits)]));
  }
}
