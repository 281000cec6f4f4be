/* A decoder of plain JPEG files: 8-bit, baseline, Huffman, one scan, gray or YCbCr with 4:4:4 or 4:2:0 chroma. Anything
   else, and anything that is not entirely in order, is left to the caller, who has another decoder. */
#include "jpeg.h"

#define FAST_BITS 10

typedef struct {
  u8 bits[17];
  u8 values[256];
  /* What the next 10 bits begin with: value << 16 | bits of the value still to be read << 12 | run << 8 | length.
     The value is part of it, and of the length, where it fits the 10 bits. 0 for codes that are longer. */
  i32 fast[1 << FAST_BITS];
  i32 max_code[18];
  i32 offset[17];
} huffman;

typedef struct {
  i32 width, height, components, h, v;
  i32 quant_of[3], dc_of[3], ac_of[3];
  i32 restart;
  i32 scan;
  u8 quant_present[4], dc_present[4], ac_present[4];
  /* In the order of the file. */
  u16 quant[4][64];
} header;

static header head;
/* Most files have the same tables, so the last ones are kept from file to file. */
static huffman dc_tables[4], ac_tables[4];

/* Where a coefficient of the file lies in a block. */
static const u8 natural[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33,
                               40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36,
                               29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
                               47, 55, 62, 63};

INLINE i32 extended(i32 value, i32 n) { return value < 1 << (n - 1) ? value - (1 << n) + 1 : value; }

/* Whether a symbol can occur: sizes of up to 11 bits for the first coefficient, 10 for others, run and size side by side. */
INLINE i32 possible(i32 symbol, i32 is_dc) { return is_dc ? symbol <= 11 : (symbol & 15) <= 10; }

/* All that follows from a code of `length` bits in front of `next`, the next 10 bits. */
static i32 fast_entry(i32 symbol, i32 length, i32 next) {
  i32 run = symbol >> 4, size = symbol & 15, total = length + size;
  if (size == 0 || total > FAST_BITS) return size << 12 | run << 8 | length;
  i32 value = extended((next >> (FAST_BITS - total)) & ((1 << size) - 1), size);
  return (i32)((u32)value << 16) | run << 8 | total;
}

/* False for a table that is not a prefix code. */
static i32 build(huffman *h, i32 is_dc) {
  i32 code = 0, k = 0;
  for (i32 i = 0; i < 1 << FAST_BITS; i++) h->fast[i] = 0;
  for (i32 length = 1; length <= 16; length++) {
    h->offset[length] = k - code;
    for (i32 i = 0; i < h->bits[length]; i++, k++, code++) {
      if (code >= 1 << length || k >= 256) return 0;
      if (length > FAST_BITS || !possible(h->values[k], is_dc)) continue;
      i32 from = code << (FAST_BITS - length), count = 1 << (FAST_BITS - length);
      for (i32 next = from; next < from + count; next++) h->fast[next] = fast_entry(h->values[k], length, next);
    }
    h->max_code[length] = h->bits[length] ? code - 1 : -1;
    code <<= 1;
  }
  return 1;
}

static i32 equal(const u8 *a, const u8 *b, i32 length) {
  for (i32 i = 0; i < length; i++)
    if (a[i] != b[i]) return 0;
  return 1;
}

#define SHORT(at) (bytes[at] << 8 | bytes[(at) + 1])

static i32 tables(const u8 *bytes, i32 at, i32 end) {
  while (at < end) {
    if (at + 17 > end) return 0;
    i32 kind = bytes[at] >> 4, id = bytes[at] & 15, total = 0;
    if (kind > 1 || id > 3) return 0;
    huffman *h = kind == 0 ? &dc_tables[id] : &ac_tables[id];
    for (i32 i = 1; i <= 16; i++) total += bytes[at + i];
    if (total > 256 || at + 17 + total > end) return 0;
    i32 same = total > 0 && equal(h->bits + 1, bytes + at + 1, 16) && equal(h->values, bytes + at + 17, total);
    if (!same) {
      __builtin_memcpy(h->bits + 1, bytes + at + 1, 16);
      __builtin_memcpy(h->values, bytes + at + 17, total);
      if (!build(h, kind == 0)) {
        h->bits[1] = 255;
        return 0;
      }
    }
    (kind == 0 ? head.dc_present : head.ac_present)[id] = 1;
    at += 17 + total;
  }
  return 1;
}

static i32 quantizers(const u8 *bytes, i32 at, i32 end) {
  while (at < end) {
    i32 precision = bytes[at] >> 4, id = bytes[at] & 15;
    if (precision != 0 || id > 3 || at + 65 > end) return 0;
    for (i32 i = 0; i < 64; i++) head.quant[id][i] = bytes[at + 1 + i];
    head.quant_present[id] = 1;
    at += 65;
  }
  return 1;
}

static i32 frame(const u8 *bytes, i32 at, i32 end) {
  if (at + 6 > end || bytes[at] != 8) return 0;
  head.height = SHORT(at + 1);
  head.width = SHORT(at + 3);
  head.components = bytes[at + 5];
  if (head.width == 0 || head.height == 0) return 0;
  if ((head.components != 1 && head.components != 3) || at + 6 + 3 * head.components > end) return 0;
  for (i32 c = 0; c < head.components; c++) {
    const u8 *part = bytes + at + 6 + 3 * c;
    i32 h = part[1] >> 4, v = part[1] & 15;
    /* Components named otherwise may be RGB. */
    if (head.components == 3 && part[0] != c + 1) return 0;
    if (part[2] > 3) return 0;
    head.quant_of[c] = part[2];
    if (c == 0) {
      head.h = h;
      head.v = v;
    } else if (h != 1 || v != 1) return 0;
  }
  if (head.components == 1) {
    head.h = 1;
    head.v = 1;
    return 1;
  }
  return (head.h == 1 && head.v == 1) || (head.h == 2 && head.v == 2);
}

static i32 scan(const u8 *bytes, i32 at, i32 end) {
  if (at + 4 + 2 * head.components > end || bytes[at] != head.components) return 0;
  for (i32 c = 0; c < head.components; c++) {
    head.dc_of[c] = bytes[at + 2 + 2 * c] >> 4;
    head.ac_of[c] = bytes[at + 2 + 2 * c] & 15;
    if (head.dc_of[c] > 3 || head.ac_of[c] > 3) return 0;
    if (!head.dc_present[head.dc_of[c]] || !head.ac_present[head.ac_of[c]]) return 0;
    if (!head.quant_present[head.quant_of[c]]) return 0;
  }
  const u8 *spectral = bytes + at + 1 + 2 * head.components;
  return spectral[0] == 0 && spectral[1] == 63 && spectral[2] == 0;
}

/* Reads everything before the pixels. info: width, height, components, luma samples per chroma sample. 0 if it cannot. */
KERNEL_OF(i32, jpeg_header)(const u8 *bytes, i32 length, i32 *info) {
  __builtin_memset(&head, 0, sizeof head);
  if (length < 4 || bytes[0] != 0xff || bytes[1] != 0xd8) return 0;
  for (i32 at = 2; at + 4 <= length;) {
    if (bytes[at] != 0xff) return 0;
    i32 marker = bytes[at + 1];
    if (marker == 0xff) {
      at++;
      continue;
    }
    i32 end = at + 2 + SHORT(at + 2);
    if (end < at + 4 || end > length) return 0;
    i32 from = at + 4;
    if (marker == 0xc0 || marker == 0xc1) {
      if (head.components != 0 || !frame(bytes, from, end)) return 0;
    } else if (marker == 0xc4) {
      if (!tables(bytes, from, end)) return 0;
    } else if (marker == 0xdb) {
      if (!quantizers(bytes, from, end)) return 0;
    } else if (marker == 0xdd) {
      if (end - from < 2) return 0;
      head.restart = SHORT(from);
    } else if (marker == 0xda) {
      if (head.components == 0 || !scan(bytes, from, end)) return 0;
      head.scan = end;
      info[0] = head.width;
      info[1] = head.height;
      info[2] = head.components;
      info[3] = head.h;
      return 1;
    } else if (marker == 0xee || !((marker >= 0xe0 && marker <= 0xef) || marker == 0xfe)) {
      /* Adobe's marker changes the meaning of the colors; other frames are not baseline. */
      return 0;
    }
    at = end;
  }
  return 0;
}

/* Bits of one stretch of the scan, without the zeros that follow bytes of 255. */
typedef struct {
  const u8 *at, *end;
  uint64_t buffer;
  i32 count;
} reader;

/* At least 32 bits in the buffer; zeros follow the end, and `overrun` notices that they were used. */
INLINE void refill(reader *r) {
  if (r->count >= 32) return;
  u32 four;
  __builtin_memcpy(&four, r->at, 4);
  r->buffer |= (uint64_t)__builtin_bswap32(four) << (32 - r->count);
  r->count += 32;
  r->at += 4;
}

INLINE i32 overrun(const reader *r) { return (r->at - r->end) * 8 > r->count; }

INLINE u32 peek(const reader *r, i32 n) { return (u32)(r->buffer >> (64 - n)); }
INLINE void skip(reader *r, i32 n) {
  r->buffer <<= n;
  r->count -= n;
}

/* More bits than a block can have. */
#define ZEROS 256

/* Copies what lies before the next marker, cleared of stuffing, and zeros; returns where the marker is. */
static const u8 *unstuff(const u8 *from, const u8 *end, u8 *to, u8 **filled) {
  v128_t all = wasm_i8x16_const_splat(-1);
  for (;;) {
    v128_t bytes = wasm_v128_load(from);
    i32 before = __builtin_ctz(wasm_i8x16_bitmask(wasm_i8x16_eq(bytes, all)) | 0x10000);
    if (from + before > end) before = (i32)(end - from);
    wasm_v128_store(to, bytes);
    from += before;
    to += before;
    if (from >= end) break;
    if (before == 16) continue;
    if (from + 1 >= end || from[1] != 0) break;
    *to++ = 255;
    from += 2;
  }
  for (i32 i = 0; i < ZEROS; i += 16) wasm_v128_store(to + i, wasm_i32x4_const_splat(0));
  *filled = to;
  return from;
}

/* An entry as in `fast` for a code of more than 10 bits; 0 if there is none. */
static i32 long_code(const reader *r, const huffman *h, i32 is_dc) {
  for (i32 length = 1; length <= 16; length++) {
    i32 code = (i32)peek(r, length);
    if (h->max_code[length] < 0 || code > h->max_code[length]) continue;
    i32 k = code + h->offset[length];
    if (k < 0 || k > 255 || !possible(h->values[k], is_dc)) return 0;
    return (h->values[k] & 15) << 12 | (h->values[k] >> 4) << 8 | length;
  }
  return 0;
}

INLINE i32 next_entry(reader *r, const huffman *h, i32 is_dc) {
  refill(r);
  i32 entry = h->fast[peek(r, FAST_BITS)];
  return entry != 0 ? entry : long_code(r, h, is_dc);
}

#define LENGTH(entry) ((entry) & 255)
#define RUN(entry) ((entry) >> 8 & 15)
#define SIZE(entry) ((entry) >> 12 & 15)
#define VALUE(entry) ((entry) >> 16)

/* The value of an entry, and past it. */
INLINE i32 take(reader *r, i32 entry) {
  i32 size = SIZE(entry);
  skip(r, LENGTH(entry));
  if (size == 0) return VALUE(entry);
  i32 value = extended((i32)peek(r, size), size);
  skip(r, size);
  return value;
}

/* The difference of the first coefficient; 0 if the code is broken. */
INLINE i32 first_coefficient(reader *r, i32 c, i32 *previous) {
  i32 entry = next_entry(r, &dc_tables[head.dc_of[c]], 1);
  if (entry == 0) return 0;
  *previous += take(r, entry);
  return 1;
}

/* Past one block that is not wanted. */
static i32 skip_block(reader *r, i32 c, i32 *previous) {
  if (!first_coefficient(r, c, previous)) return 0;
  const huffman *ac = &ac_tables[head.ac_of[c]];
  for (i32 k = 1; k < 64; k++) {
    i32 entry = next_entry(r, ac, 0);
    if (entry == 0) return 0;
    i32 run = RUN(entry), size = SIZE(entry);
    skip(r, LENGTH(entry) + size);
    if ((size | VALUE(entry)) == 0 && run != 15) break;
    k += run;
    if (k > 63 && (size | VALUE(entry)) != 0) return 0;
  }
  return !overrun(r);
}

/* Larger coefficients do not come from images; the other decoder sees to them. */
#define LARGEST 8191

/* One block into the plane; 0 if the code is broken. */
static i32 decode_block(reader *r, i32 c, i32 *previous, u8 *plane, i32 stride) {
  i16 block[64] __attribute__((aligned(16)));
  const u16 *quant = head.quant[head.quant_of[c]];
  for (i32 i = 0; i < 64; i += 8) wasm_v128_store(block + i, wasm_i32x4_const_splat(0));
  if (!first_coefficient(r, c, previous)) return 0;
  i32 first = *previous * quant[0], excess = 0, flat = 1;
  const huffman *ac = &ac_tables[head.ac_of[c]];
  for (i32 k = 1; k < 64; k++) {
    i32 entry = next_entry(r, ac, 0);
    if (entry == 0) return 0;
    i32 run = RUN(entry);
    if ((SIZE(entry) | VALUE(entry)) == 0) {
      skip(r, LENGTH(entry));
      if (run != 15) break;
      k += 15;
      continue;
    }
    k += run;
    if (k > 63) return 0;
    i32 value = take(r, entry) * quant[k];
    block[natural[k]] = (i16)value;
    excess |= value ^ value >> 31;
    flat = 0;
  }
  if (overrun(r) || (excess | (first ^ first >> 31)) > LARGEST) return 0;
  if (flat) {
    /* What the transform makes of a lone first coefficient. */
    v128_t value = wasm_i8x16_splat((int8_t)clip8(((first + 4) >> 3) + 128));
    for (i32 row = 0; row < 8; row++) wasm_v128_store64_lane(plane + row * stride, value, 0);
    return 1;
  }
  block[0] = (i16)first;
  block8 rows;
  for (i32 row = 0; row < 8; row++) rows.v[row] = wasm_v128_load(block + 8 * row);
  inverse_to(&rows, plane, stride);
  return 1;
}

/* The scan that jpeg_header found, into planes padded to whole MCUs; only the region x0 <= x < x1, y0 <= y < y1 and what
   upsampling needs around it. 1 if every bit up to the region's end was in order, and the file's end is there. `clean` has
   room for the file and 288 bytes. */
KERNEL_OF(i32, jpeg_scan)(const u8 *bytes, i32 length, u8 *y, i32 y_width, u8 *cb, u8 *cr, i32 c_width, i32 x0, i32 y0,
                          i32 x1, i32 y1, u8 *clean) {
  const u8 *end = bytes + length, *marker = bytes + head.scan;
  reader r = {clean, clean, 0, 0};
  i32 mcu_width = 8 * head.h, mcu_height = 8 * head.v;
  i32 across = (head.width + mcu_width - 1) / mcu_width, down = (head.height + mcu_height - 1) / mcu_height;
  i32 previous[3] = {0, 0, 0};
  i32 left = 0;
  for (i32 row = 0; row < down; row++) {
    i32 row_wanted = (row + 2) * mcu_height > y0 && (row - 1) * mcu_height < y1;
    /* Nothing below is read, and the file's end has been seen. */
    if (head.restart == 0 && row > 0 && (row - 1) * mcu_height >= y1) return marker + 1 < end && marker[1] == 0xd9;
    for (i32 column = 0; column < across; column++) {
      if (left == 0) {
        i32 begun = row != 0 || column != 0;
        if (begun) {
          /* All bits must have been used up to the marker. */
          if (r.end - r.at >= 8 || marker + 1 >= end || marker[1] < 0xd0 || marker[1] > 0xd7) return 0;
          marker += 2;
        }
        u8 *filled;
        marker = unstuff(marker, end, clean, &filled);
        r = (reader){clean, filled, 0, 0};
        previous[0] = previous[1] = previous[2] = 0;
        left = head.restart != 0 ? head.restart : across * down;
      }
      left--;
      if (row_wanted && (column + 2) * mcu_width > x0 && (column - 1) * mcu_width < x1) {
        for (i32 v = 0; v < head.v; v++)
          for (i32 h = 0; h < head.h; h++)
            if (!decode_block(&r, 0, &previous[0],
                              y + (row * mcu_height + 8 * v) * y_width + column * mcu_width + 8 * h, y_width))
              return 0;
        if (head.components == 3) {
          if (!decode_block(&r, 1, &previous[1], cb + row * 8 * c_width + column * 8, c_width)) return 0;
          if (!decode_block(&r, 2, &previous[2], cr + row * 8 * c_width + column * 8, c_width)) return 0;
        }
      } else {
        for (i32 block = 0; block < head.h * head.v; block++)
          if (!skip_block(&r, 0, &previous[0])) return 0;
        if (head.components == 3 && (!skip_block(&r, 1, &previous[1]) || !skip_block(&r, 2, &previous[2]))) return 0;
      }
    }
  }
  /* A file that ends otherwise is cut off. */
  return r.end - r.at < 8 && marker + 1 < end && marker[1] == 0xd9;
}
