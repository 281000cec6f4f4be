/* A decoder of plain JPEG files: 8-bit, baseline, Huffman, one scan, grey or YCbCr with 4:4:4 or 4:2:0 chroma. Anything
   else, and anything that is not entirely in order, is left to the caller, who has another decoder. */
#include "jpeg.h"

typedef struct {
  u8 bits[17];
  u8 values[256];
  /* For the next 9 bits: length << 8 | value, or 0 for longer codes. */
  u16 fast[512];
  i32 max_code[18];
  i32 offset[17];
  u8 present;
} huffman;

typedef struct {
  i32 width, height, components, h, v;
  i32 quant_of[3], dc_of[3], ac_of[3];
  i32 restart;
  i32 scan;
  u8 quant_present[4];
  u16 quant[4][64];
  huffman dc[4], ac[4];
} header;

static header head;

static const u8 natural[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
                               41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
                               30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* False for a table that is not a prefix code. */
static i32 build(huffman *h) {
  i32 code = 0, k = 0;
  for (i32 i = 0; i < 512; i++) h->fast[i] = 0;
  for (i32 length = 1; length <= 16; length++) {
    h->offset[length] = k - code;
    for (i32 i = 0; i < h->bits[length]; i++, k++, code++) {
      if (code >= 1 << length || k >= 256) return 0;
      if (length > 9) continue;
      for (i32 fill = 0; fill < 1 << (9 - length); fill++)
        h->fast[(code << (9 - length)) + fill] = (u16)(length << 8 | h->values[k]);
    }
    h->max_code[length] = h->bits[length] ? code - 1 : -1;
    code <<= 1;
  }
  h->present = 1;
  return 1;
}

#define SHORT(at) (bytes[at] << 8 | bytes[(at) + 1])

static i32 tables(const u8 *bytes, i32 at, i32 end) {
  while (at < end) {
    if (at + 17 > end) return 0;
    i32 kind = bytes[at] >> 4, id = bytes[at] & 15, total = 0;
    if (kind > 1 || id > 3) return 0;
    huffman *h = kind == 0 ? &head.dc[id] : &head.ac[id];
    for (i32 i = 1; i <= 16; i++) total += h->bits[i] = bytes[at + i];
    at += 17;
    if (total > 256 || at + total > end) return 0;
    for (i32 i = 0; i < total; i++) h->values[i] = bytes[at + i];
    at += total;
    if (!build(h)) return 0;
  }
  return 1;
}

static i32 quantisers(const u8 *bytes, i32 at, i32 end) {
  while (at < end) {
    i32 precision = bytes[at] >> 4, id = bytes[at] & 15;
    if (precision != 0 || id > 3 || at + 65 > end) return 0;
    for (i32 i = 0; i < 64; i++) head.quant[id][natural[i]] = bytes[at + 1 + i];
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
    if (!head.dc[head.dc_of[c]].present || !head.ac[head.ac_of[c]].present) return 0;
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
      if (!quantisers(bytes, from, end)) return 0;
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
      /* Adobe's marker changes the meaning of the colours; other frames are not baseline. */
      return 0;
    }
    at = end;
  }
  return 0;
}

typedef struct {
  const u8 *at, *end;
  uint64_t buffer;
  i32 count;
  i32 failed;
} reader;

INLINE void refill(reader *r) {
  while (r->count <= 56) {
    u32 byte = 0;
    if (r->at < r->end) {
      byte = *r->at;
      if (byte == 0xff) {
        if (r->at + 1 < r->end && r->at[1] == 0) r->at += 2;
        /* A marker: zeros from here on; using them is noticed by `used`. */
        else byte = 0, r->failed++;
      } else r->at++;
    } else r->failed++;
    r->buffer |= (uint64_t)byte << (56 - r->count);
    r->count += 8;
  }
}

INLINE u32 peek(reader *r, i32 n) { return (u32)(r->buffer >> (64 - n)); }
INLINE void skip(reader *r, i32 n) {
  r->buffer <<= n;
  r->count -= n;
}

INLINE i32 symbol(reader *r, const huffman *h) {
  u32 entry = h->fast[peek(r, 9)];
  if (entry != 0) {
    skip(r, (i32)(entry >> 8));
    return entry & 255;
  }
  for (i32 length = 10; length <= 16; length++) {
    i32 code = (i32)peek(r, length);
    if (h->max_code[length] >= 0 && code <= h->max_code[length]) {
      i32 k = code + h->offset[length];
      if (k < 0 || k > 255) return -1;
      skip(r, length);
      return h->values[k];
    }
  }
  return -1;
}

INLINE i32 extend(reader *r, i32 n) {
  if (n == 0) return 0;
  i32 value = (i32)peek(r, n);
  skip(r, n);
  return value < 1 << (n - 1) ? value - (1 << n) + 1 : value;
}

/* One block into the plane, or past it if it is not wanted; 0 if the code is broken. */
static i32 decode_block(reader *r, i32 c, i32 *previous, u8 *plane, i32 stride, i32 wanted) {
  i32 block[64] __attribute__((aligned(16)));
  const u16 *quant = head.quant[head.quant_of[c]];
  for (i32 i = 0; i < 64; i += 4) wasm_v128_store(block + i, wasm_i32x4_const_splat(0));
  refill(r);
  i32 size = symbol(r, &head.dc[head.dc_of[c]]);
  if (size < 0 || size > 11) return 0;
  *previous += extend(r, size);
  block[0] = *previous * quant[0];
  const huffman *ac = &head.ac[head.ac_of[c]];
  i32 flat = 1;
  for (i32 k = 1; k < 64; k++) {
    refill(r);
    i32 run = symbol(r, ac);
    if (run < 0) return 0;
    size = run & 15;
    run >>= 4;
    if (size == 0) {
      if (run != 15) break;
      k += 15;
      continue;
    }
    k += run;
    if (k > 63 || size > 10) return 0;
    block[natural[k]] = extend(r, size) * quant[natural[k]];
    flat = 0;
  }
  if (!wanted) return 1;
  if (flat) {
    /* What the transform makes of a lone first coefficient. */
    v128_t value = wasm_i8x16_splat((int8_t)clip8(((block[0] + 4) >> 3) + 128));
    for (i32 row = 0; row < 8; row++) wasm_v128_store64_lane(plane + row * stride, value, 0);
    return 1;
  }
  lanes left, right;
  for (i32 row = 0; row < 8; row++) {
    left.v[row] = wasm_v128_load(block + 8 * row);
    right.v[row] = wasm_v128_load(block + 8 * row + 4);
  }
  inverse(&left, 1);
  inverse(&right, 1);
  transpose8(&left, &right);
  inverse(&left, 0);
  inverse(&right, 0);
  transpose8(&left, &right);
  for (i32 row = 0; row < 8; row++) store_row(plane + row * stride, left.v[row], right.v[row]);
  return 1;
}

/* The scan that jpeg_header found, into planes padded to whole MCUs; only the region x0 <= x < x1, y0 <= y < y1 and what
   upsampling needs around it. 1 if every bit of the whole scan was in order. */
KERNEL_OF(i32, jpeg_scan)(const u8 *bytes, i32 length, u8 *y, i32 y_width, u8 *cb, u8 *cr, i32 c_width, i32 x0, i32 y0,
                          i32 x1, i32 y1) {
  reader r = {bytes + head.scan, bytes + length, 0, 0, 0};
  i32 mcu = 8 * head.h;
  i32 across = (head.width + mcu - 1) / mcu, down = (head.height + mcu - 1) / mcu;
  i32 previous[3] = {0, 0, 0};
  i32 left = head.restart;
  for (i32 row = 0; row < down; row++) {
    for (i32 column = 0; column < across; column++) {
      if (head.restart != 0 && left == 0) {
        /* All bits must have been used up to the marker. */
        while (r.at + 1 < r.end && !(r.at[0] == 0xff && r.at[1] >= 0xd0 && r.at[1] <= 0xd7)) return 0;
        r.at += 2;
        r.buffer = 0;
        r.count = 0;
        r.failed = 0;
        previous[0] = previous[1] = previous[2] = 0;
        left = head.restart;
      }
      left--;
      i32 wanted = (column + 2) * mcu > x0 && (column - 1) * mcu < x1 && (row + 2) * mcu > y0 && (row - 1) * mcu < y1;
      for (i32 v = 0; v < head.v; v++)
        for (i32 h = 0; h < head.h; h++)
          if (!decode_block(&r, 0, &previous[0], y + (row * mcu + 8 * v) * y_width + column * mcu + 8 * h, y_width,
                            wanted))
            return 0;
      if (head.components == 3) {
        if (!decode_block(&r, 1, &previous[1], cb + row * 8 * c_width + column * 8, c_width, wanted)) return 0;
        if (!decode_block(&r, 2, &previous[2], cr + row * 8 * c_width + column * 8, c_width, wanted)) return 0;
      }
      /* More bits used than there are. */
      if (r.failed * 8 > r.count) return 0;
    }
  }
  /* A file that ends otherwise is cut off. */
  return r.at + 1 < r.end && r.at[0] == 0xff && r.at[1] == 0xd9;
}
