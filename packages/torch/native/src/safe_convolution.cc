// Around a fault of oneDNN in LibTorch: in the gradient of the weights of a strided 1 x 1 convolution over channels-last
// images of fewer than 16 channels, jit_avx512_common_1x1_convolution_bwd_weights copies the pixels that it sees into scratch
// memory with room for their channels, but at distances of 16, and writes behind its end. `native/memory/search.mjs` found
// the shapes, and looks for others. Registered in front of LibTorch's own kernel, so that every convolution passes here.
#include "version.h"

// LibTorch 1.13 (oneDNN 2.6) was searched; the sources of oneDNN 3.8 (LibTorch 2.7) still do the same, and no version is known
// that does not: put the first one here.
#define CT_POINTWISE_OVERFLOWS 1

#if CT_POINTWISE_OVERFLOWS

#include <ATen/core/Tensor.h>
#include <ATen/ops/convolution_backward_native.h>
#include <torch/library.h>

#include <algorithm>

namespace ct {
namespace {

using at::IntArrayRef;
using at::Tensor;

bool isAll(IntArrayRef values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [wanted](int64_t value) { return value == wanted; });
}

constexpr int64_t kOneDnnBlock = 16;

bool isChannelsLast(const Tensor& tensor) {
  return tensor.dim() == 4 && tensor.suggest_memory_format() == at::MemoryFormat::ChannelsLast;
}

std::tuple<Tensor, Tensor, Tensor> convolutionBackward(const Tensor& gy, const Tensor& x, const Tensor& weight,
                                                       at::OptionalIntArrayRef biasSizes, IntArrayRef stride, IntArrayRef padding,
                                                       IntArrayRef dilation, bool transposed, IntArrayRef outputPadding,
                                                       int64_t groups, std::array<bool, 3> wants) {
  const auto theirs = [&](const Tensor& images, IntArrayRef steps, std::array<bool, 3> wanted) {
    return at::native::convolution_backward(gy, images, weight, biasSizes, steps, padding, dilation, transposed, outputPadding,
                                            groups, wanted);
  };
  const bool overflows = wants[1] && !transposed && x.dim() == 4 && weight.dim() == 4 && isAll(weight.sizes().slice(2), 1) &&
                         isAll(padding, 0) && !isAll(stride, 1) && weight.size(1) < kOneDnnBlock &&
                         (isChannelsLast(x) || isChannelsLast(weight));
  if (!overflows) return theirs(x, stride, wants);
  // It is the convolution, without a stride, of the pixels that it sees.
  const auto gx = wants[0] ? std::get<0>(theirs(x, stride, {true, false, false})) : Tensor();
  Tensor seen = x;
  for (int64_t i = 0; i < 2; i++) {
    const int64_t step = stride[stride.size() == 1 ? 0 : i];
    seen = seen.slice(2 + i, 0, (gy.size(2 + i) - 1) * step + 1, step);
  }
  const auto g = theirs(seen.contiguous(at::MemoryFormat::ChannelsLast), {1, 1}, {false, true, wants[2]});
  return {gx, std::get<1>(g), std::get<2>(g)};
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_IMPL(aten, CPU, m) {
  m.impl("convolution_backward", ct::convolutionBackward);
}

#endif
