// Compiled once per instruction set (see CMakeLists.txt), each time into a table named after it. Includes no header
// with inline functions beyond the C library's, so that no copy for one instruction set leaks into another.
#include "kernels.h"

#include <cmath>
#if defined(__AVX512BF16__)
#include <immintrin.h>  // its functions are always inlined
#endif

#include "lanes.h"

namespace ct {
namespace kernels {
namespace {

#include "batch_norm.inc"
#include "optimizer.inc"
#include "pool.inc"
#include "winograd.inc"
#include "gemm_tiles.inc"
#include "gemm_forward.inc"
#include "gemm_gradient.inc"

template <typename T>
void normalize(const uint8_t* x, int64_t pixels, int64_t channels, const float* scale, const float* shift, T* y) {
  // The pattern of channels repeats after channels * kLanes values: whole vectors, without a division per value.
  float scales[4 * kLanes];
  float shifts[4 * kLanes];
  const int64_t period = channels * kLanes;
  for (int64_t i = 0; i < period; i++) {
    scales[i] = scale[i % channels];
    shifts[i] = shift[i % channels];
  }
  const int64_t count = pixels * channels;
  int64_t i = 0;
  for (; i + period <= count; i += period) {
    for (int64_t j = 0; j < period; j += kLanes) {
      float values[kLanes];
      for (int k = 0; k < kLanes; k++) values[k] = static_cast<float>(x[i + j + k]);
      (Wide::load(values) * Wide::load(scales + j) + Wide::load(shifts + j)).store(y + i + j);
    }
  }
  for (; i < count; i++) {
    const int64_t c = i % channels;
    Single{static_cast<float>(x[i]) * scale[c] + shift[c]}.store(y + i);
  }
}

template <typename T>
constexpr BatchNormKernels<T> batchNorm() {
  return {stats<T>, apply<T>, reduce<T>, grad<T>};
}

template <typename T>
constexpr PoolKernels<T> pool() {
  return {poolForward<T>, poolBackward<T>};
}

template <typename T, typename P>
constexpr GemmKernels<T> gemm() {
  using Gradient = GemmGradient<T, P>;
  using Forward = GemmForward<T, P>;
  return {P::perLane,       kGemmColumns,      Gradient::pack, Gradient::multiply, Gradient::result,
          Forward::filters, Forward::rowBlock, Forward::im2col};
}

// With bf16 dot products transformed tiles are rounded to bf16, for which larger tiles lose too much precision.
#if defined(__AVX512BF16__)
constexpr WinogradKernels<uint16_t> winogradBf16() { return winograd<uint16_t, Bf16Pairs, 4, 2>(); }
constexpr GemmKernels<uint16_t> gemmBf16() { return gemm<uint16_t, Bf16Pairs>(); }
#else
constexpr WinogradKernels<uint16_t> winogradBf16() { return winograd<uint16_t, Floats, 4, 4>(); }
constexpr GemmKernels<uint16_t> gemmBf16() { return gemm<uint16_t, Floats>(); }
#endif

}  // namespace

#define CT_NAME2(isa) isa##Kernels
#define CT_NAME(isa) CT_NAME2(isa)
#define CT_TEXT2(isa) #isa
#define CT_TEXT(isa) CT_TEXT2(isa)

extern const Kernels CT_NAME(CT_ISA);
const Kernels CT_NAME(CT_ISA) = {
    CT_TEXT(CT_ISA), batchNorm<float>(), batchNorm<uint16_t>(), pool<float>(), pool<uint16_t>(),
    winograd<float, Floats, 4, 4>(), winogradBf16(), gemm<float, Floats>(), gemmBf16(), adam, sgd, sumOfSquares, scaleInPlace, normalize<float>, normalize<uint16_t>,
};

}  // namespace kernels
}  // namespace ct
