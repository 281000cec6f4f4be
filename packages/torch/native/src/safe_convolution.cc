// Workarounds for convolutions of LibTorch on the CPU that read or write out of bounds. `native/memory/search.mjs` found them,
// and searches for others. Registered in front of LibTorch's kernels, so that every convolution passes here.
//
// LibTorch 1.13 (oneDNN 2.6) was searched. What is not marked with a version is taken for later ones too: of the first fault,
// the sources of oneDNN 3.8 (LibTorch 2.7) still have it; the other one is rare and the way around it is as exact.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_convolution_native.h>
#include <ATen/ops/convolution_backward_native.h>
#include <torch/library.h>

#include <algorithm>

#include "version.h"

namespace ct {
namespace {

using at::IntArrayRef;
using at::Tensor;
using Gradients = std::tuple<Tensor, Tensor, Tensor>;
using Wants = std::array<bool, 3>;

bool isAll(IntArrayRef values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [wanted](int64_t value) { return value == wanted; });
}

// Some dimension of the convolution moves on by more than a pixel in memory: the channels are in between.
bool isChannelsLast(const Tensor& tensor) {
  return tensor.dim() > 2 && tensor.size(1) > 0 && tensor.stride(-1) != 1;
}

// The gradient of the weights of a strided convolution with filters of one pixel over channels-last images with fewer channels
// than oneDNN's block of 16 (jit_avx512_common_1x1_convolution_bwd_weights): the pixels that it sees are copied into scratch
// memory with room for their channels, but at distances of 16, and behind its end.
bool overflows(const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding, bool transposed) {
  constexpr int64_t kBlock = 16;
  return !transposed && isAll(weight.sizes().slice(2), 1) && isAll(padding, 0) && !isAll(stride, 1) && weight.size(1) < kBlock &&
         (isChannelsLast(x) || isChannelsLast(weight) || x.size(1) == 1);
}

// The same gradient is computed from other memory for dilated convolutions with groups in bfloat16, which float32 does right,
bool readsOtherMemory(const Tensor& x, IntArrayRef dilation, int64_t groups) {
  return x.scalar_type() == at::kBFloat16 && groups > 1 && !isAll(dilation, 1);
}

// and for strided ones of volumes, which is left to the slower one of float64.
bool readsOtherVolumes(const Tensor& x, const Tensor& weight, IntArrayRef stride) {
  return x.dim() == 5 && x.scalar_type() != at::kDouble && !isAll(stride, 1) && !isAll(weight.sizes().slice(2), 1);
}

// LibTorch 1.13 takes a transposed convolution in bfloat16 for another one, and leaves most of its result unwritten.
bool isTakenForAnother(const Tensor& x, bool transposed) {
  return !CT_TORCH_AT_LEAST(2, 0) && transposed && x.scalar_type() == at::kBFloat16;
}

Gradients convolutionBackward(const Tensor& gy, const Tensor& x, const Tensor& weight, at::OptionalIntArrayRef biasSizes,
                              IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation, bool transposed,
                              IntArrayRef outputPadding, int64_t groups, Wants wants) {
  const auto theirs = [&](const Tensor& g, const Tensor& images, const Tensor& filters, IntArrayRef steps, Wants wanted) {
    return at::native::convolution_backward(g, images, filters, biasSizes, steps, padding, dilation, transposed, outputPadding,
                                            groups, wanted);
  };
  const auto computedIn = [&](at::ScalarType type, Wants wanted) {
    const auto as = [](const Tensor& tensor, at::ScalarType t) { return tensor.defined() ? tensor.to(t) : tensor; };
    const auto [gx, gw, gb] = theirs(as(gy, type), as(x, type), as(weight, type), stride, wanted);
    return Gradients(as(gx, x.scalar_type()), as(gw, x.scalar_type()), as(gb, x.scalar_type()));
  };
  if (isTakenForAnother(x, transposed)) return computedIn(at::kFloat, wants);
  if (!wants[1]) return theirs(gy, x, weight, stride, wants);
  Gradients ofWeight;
  if (readsOtherVolumes(x, weight, stride)) {
    ofWeight = computedIn(at::kDouble, {false, true, wants[2]});
  } else if (readsOtherMemory(x, dilation, groups)) {
    ofWeight = computedIn(at::kFloat, {false, true, wants[2]});
  } else if (overflows(x, weight, stride, padding, transposed)) {
    // It is the convolution, without a stride, of the pixels that it sees.
    Tensor seen = x;
    for (int64_t i = 2; i < x.dim(); i++) {
      const int64_t step = stride[stride.size() == 1 ? 0 : i - 2];
      seen = seen.slice(i, 0, (gy.size(i) - 1) * step + 1, step);
    }
    const std::vector<int64_t> single(stride.size(), 1);
    ofWeight = theirs(gy, seen.contiguous(x.suggest_memory_format()), weight, single, {false, true, wants[2]});
  } else {
    return theirs(gy, x, weight, stride, wants);
  }
  if (wants[0]) std::get<0>(ofWeight) = std::get<0>(theirs(gy, x, weight, stride, {true, false, false}));
  return ofWeight;
}

#if !CT_TORCH_AT_LEAST(2, 0)
Tensor convolution(const Tensor& x, const Tensor& weight, const c10::optional<Tensor>& bias, IntArrayRef stride, IntArrayRef padding,
                   IntArrayRef dilation, bool transposed, IntArrayRef outputPadding, int64_t groups, bool benchmark,
                   bool deterministic, bool cudnn, bool tf32) {
  const auto theirs = [&](const Tensor& images, const Tensor& filters, const c10::optional<Tensor>& offsets) {
    return at::native::_convolution(images, filters, offsets, stride, padding, dilation, transposed, outputPadding, groups,
                                    benchmark, deterministic, cudnn, tf32);
  };
  // Of an empty batch it looks at the weights as one vector, which those in channels-last order cannot be.
  if (x.numel() == 0) return theirs(x, weight.contiguous(), bias);
  if (!isTakenForAnother(x, transposed) || weight.scalar_type() != at::kBFloat16) return theirs(x, weight, bias);
  const bool hasBias = bias.has_value() && bias->defined();
  return theirs(x.to(at::kFloat), weight.to(at::kFloat), hasBias ? c10::optional<Tensor>(bias->to(at::kFloat)) : bias)
      .to(at::kBFloat16);
}
#endif

}  // namespace
}  // namespace ct

TORCH_LIBRARY_IMPL(aten, CPU, m) {
  m.impl("convolution_backward", ct::convolutionBackward);
#if !CT_TORCH_AT_LEAST(2, 0)
  m.impl("_convolution", ct::convolution);
#endif
}
