// Vectors of floats with one interface for every instruction set, and single floats with the same interface for tails.
// Uses the vector extensions of GCC and Clang, which lower to whatever the target has (AVX-512, AVX2, SSE2, NEON).
#pragma once

#include <cstdint>
#include <cstring>

namespace ct {
namespace kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float FloatVector __attribute__((vector_size(kLanes * 4)));
typedef uint32_t WordVector __attribute__((vector_size(kLanes * 4)));
typedef int32_t MaskVector __attribute__((vector_size(kLanes * 4)));
typedef uint8_t ByteVector __attribute__((vector_size(kLanes)));
typedef uint16_t HalfVector __attribute__((vector_size(kLanes * 2)));

inline float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

inline uint32_t toBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

// Several channels at once.
struct Wide {
  static constexpr int width = kLanes;
  FloatVector v;

  static Wide zero() { return {FloatVector{}}; }
  static Wide load(const float* p) {
    Wide r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  static Wide load(const uint16_t* p) {
    HalfVector half;
    std::memcpy(&half, p, sizeof half);
    return {(FloatVector)(__builtin_convertvector(half, WordVector) << 16)};
  }
  void store(float* p) const { std::memcpy(p, &v, sizeof v); }
  // Rounds to nearest even, as LibTorch does; NaN stays NaN.
  void store(uint16_t* p) const {
    const WordVector bits = (WordVector)v;
    const WordVector rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const MaskVector isNumber = v == v;
    const WordVector chosen = ((WordVector)isNumber & rounded) | (~(WordVector)isNumber & 0x7fc0);
    const HalfVector half = __builtin_convertvector(chosen, HalfVector);
    std::memcpy(p, &half, sizeof half);
  }
  // As store, but by the hardware instruction for bf16 where there is one, which flushes values below 1e-38 to 0.
  template <typename T>
  void round(T* p) const { store(p); }
#if defined(__AVX512BF16__)
  void round(uint16_t* p) const {
    const HalfVector half = (HalfVector)_mm512_cvtneps_pbh((__m512)v);
    std::memcpy(p, &half, sizeof half);
  }
#endif
  friend Wide operator+(Wide a, Wide b) { return {a.v + b.v}; }
  friend Wide operator-(Wide a, Wide b) { return {a.v - b.v}; }
  friend Wide operator*(Wide a, Wide b) { return {a.v * b.v}; }
  // `value` where sign > 0, else 0. A NaN sign gives 0, a NaN value with a positive sign stays.
  static Wide where(Wide sign, Wide value) {
    const MaskVector mask = sign.v > 0;
    return {(FloatVector)((WordVector)value.v & (WordVector)mask)};
  }
  // max(value, 0) that lets NaN through, as relu does.
  static Wide relu(Wide value) {
    const MaskVector drop = value.v < 0;
    return {(FloatVector)((WordVector)value.v & ~(WordVector)drop)};
  }
  void addTo(double* sums) const {
    for (int i = 0; i < kLanes; i++) sums[i] += v[i];
  }

  // One small integer per lane, stored as a byte. Converted in two steps: GCC does not vectorize a direct conversion.
  using Index = MaskVector;
  static Index index(int value) { return MaskVector{} + value; }
  static Index loadIndex(const uint8_t* p) {
    ByteVector bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    return (MaskVector)__builtin_convertvector(__builtin_convertvector(bytes, HalfVector), WordVector);
  }
  static void storeIndex(Index index, uint8_t* p) {
    const ByteVector bytes = __builtin_convertvector(__builtin_convertvector((WordVector)index, HalfVector), ByteVector);
    std::memcpy(p, &bytes, sizeof bytes);
  }
  // Takes `value` and its index where it is larger than the best so far, or NaN.
  static void keepLarger(Wide& best, Index& where, Wide value, Index index) {
    const MaskVector take = (value.v > best.v) | (value.v != value.v);
    best.v = (FloatVector)(((MaskVector)value.v & take) | ((MaskVector)best.v & ~take));
    where = (index & take) | (where & ~take);
  }
  // `value` where the indices agree, else 0.
  static Wide whereEqual(Index a, Index b, Wide value) { return {(FloatVector)((MaskVector)value.v & (a == b))}; }
};

// One channel.
struct Single {
  static constexpr int width = 1;
  float v;

  static Single zero() { return {0}; }
  static Single load(const float* p) { return {*p}; }
  static Single load(const uint16_t* p) { return {fromBits(static_cast<uint32_t>(*p) << 16)}; }
  void store(float* p) const { *p = v; }
  void store(uint16_t* p) const {
    const uint32_t bits = toBits(v);
    *p = v == v ? static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) : 0x7fc0;
  }
  template <typename T>
  void round(T* p) const { store(p); }
  friend Single operator+(Single a, Single b) { return {a.v + b.v}; }
  friend Single operator-(Single a, Single b) { return {a.v - b.v}; }
  friend Single operator*(Single a, Single b) { return {a.v * b.v}; }
  static Single where(Single sign, Single value) { return {sign.v > 0 ? value.v : 0}; }
  static Single relu(Single value) { return {value.v < 0 ? 0 : value.v}; }
  void addTo(double* sums) const { *sums += v; }

  using Index = int32_t;
  static Index index(int value) { return value; }
  static Index loadIndex(const uint8_t* p) { return *p; }
  static void storeIndex(Index index, uint8_t* p) { *p = static_cast<uint8_t>(index); }
  static void keepLarger(Single& best, Index& where, Single value, Index index) {
    if (!(value.v > best.v || value.v != value.v)) return;
    best = value;
    where = index;
  }
  static Single whereEqual(Index a, Index b, Single value) { return {a == b ? value.v : 0}; }
};

// Several rows that are read at once exceed what the hardware prefetcher tracks: prefetches as many values as a step reads of
// all rows, in memory order, some rows ahead (possibly beyond the end). Into the L2 cache: in L1, rows a power of two apart
// would evict each other.
template <int Count, bool Write = false, typename T>
inline void prefetch(const T* place) {
  constexpr int kAhead = 8192, kLine = 64, kBytes = Count * sizeof(T);
  if (kBytes < kLine) return;
  for (int i = 0; i < kBytes; i += kLine) __builtin_prefetch(reinterpret_cast<const char*>(place) + kAhead + i, Write, 2);
}

// Prefetch once per cache line.
template <typename T>
constexpr int kLineValues = 64 / sizeof(T);

template <typename T>
inline bool startsLine(int64_t channel) { return channel % kLineValues<T> == 0; }

}  // namespace
}  // namespace kernels
}  // namespace ct
