// Compiled once per instruction set (see CMakeLists.txt), each time into a table named after it. Includes no header
// with inline functions of its own beyond the C library's, so that no copy for one instruction set leaks into another.
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
#include "product_tiles.inc"
#include "product_forward.inc"
#include "product_gradient.inc"

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
constexpr ProductsKernels<T> products() {
  using Gradient = WeightGradientProducts<T, P>;
  using Forward = ForwardProducts<T, P>;
  return {P::perUnit,       kProductColumns, Gradient::pack, Gradient::product, Gradient::result,
          Forward::filters, Forward::strip,  Forward::gather};
}

// In bfloat16 a processor with dot products of it rounds the transformed numbers, for which larger tiles lose too much.
#if defined(__AVX512BF16__)
constexpr WinogradKernels<uint16_t> winogradBf16() { return winograd<uint16_t, Bf16Pairs, 4, 2>(); }
constexpr ProductsKernels<uint16_t> productsBf16() { return products<uint16_t, Bf16Pairs>(); }
#else
constexpr WinogradKernels<uint16_t> winogradBf16() { return winograd<uint16_t, Numbers, 4, 4>(); }
constexpr ProductsKernels<uint16_t> productsBf16() { return products<uint16_t, Numbers>(); }
#endif

}  // namespace

#define CT_NAME2(isa) isa##Kernels
#define CT_NAME(isa) CT_NAME2(isa)
#define CT_TEXT2(isa) #isa
#define CT_TEXT(isa) CT_TEXT2(isa)

extern const Kernels CT_NAME(CT_ISA);
const Kernels CT_NAME(CT_ISA) = {
    CT_TEXT(CT_ISA), batchNorm<float>(), batchNorm<uint16_t>(), pool<float>(), pool<uint16_t>(),
    winograd<float, Numbers, 4, 4>(), winogradBf16(), products<float, Numbers>(), productsBf16(), adam, sgd, sumOfSquares, scaleInPlace, normalize<float>, normalize<uint16_t>,
};

}  // namespace kernels
}  // namespace ct
