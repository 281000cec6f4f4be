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
  friend Single operator+(Single a, Single b) { return {a.v + b.v}; }
  friend Single operator-(Single a, Single b) { return {a.v - b.v}; }
  friend Single operator*(Single a, Single b) { return {a.v * b.v}; }
  static Single where(Single sign, Single value) { return {sign.v > 0 ? value.v : 0}; }
  static Single relu(Single value) { return {value.v < 0 ? 0 : value.v}; }
  void addTo(double* sums) const { *sums += v; }
};

}  // namespace
}  // namespace kernels
}  // namespace ct
