// Which passes of a convolution ct::conv2d computes by its own kernels, and their geometry.
#pragma once

#include <ATen/core/Tensor.h>

#include "../kernels/kernels.h"

namespace ct {

inline int64_t divideUp(int64_t n, int64_t divisor) {
  return (n + divisor - 1) / divisor;
}

inline int64_t outputPixels(const kernels::ConvShape& s) {
  return s.images * s.outHeight * s.outWidth;
}

// Chooses the order of the output pixels.
void orderPixels(kernels::ConvShape& s);

// Of images [N, C, H, W] and filters [K, C, KH, KW].
kernels::ConvShape convShape(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef stride, at::IntArrayRef padding);

// What the kernels can compute of a convolution, and what they are known to compute faster than LibTorch's convolution: by
// rule, never by timing.
struct ConvPlan {
  bool rowBlock, im2col, inputGradient, weightGradient;

  // type: float32 or bfloat16. With `always`, whatever the kernels can compute.
  ConvPlan(const kernels::ConvShape& s, at::ScalarType type, bool always);

  bool any() const { return rowBlock || im2col || inputGradient || weightGradient; }
};

}  // namespace ct
