#include "conv_plan.h"

namespace ct {

using at::IntArrayRef;
using at::Tensor;
using kernels::ConvShape;

// In an image of 4 x 4, three of ten taps of 3 x 3 are padding. In larger ones skipping them is not worth reading pixels out of
// order.
void orderPixels(ConvShape& s) {
  s.byPosition = s.kernelH * s.kernelW > 1 && s.outHeight * s.outWidth <= 16 && s.images >= 8;
}

ConvShape convShape(const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding) {
  const auto size = [&](int i) { return (x.size(2 + i) + 2 * padding[i] - weight.size(2 + i)) / stride[i] + 1; };
  const int64_t height = size(0), width = size(1);
  ConvShape s{x.size(0),      x.size(1),      x.size(2), x.size(3), weight.size(0), height,     width,
              weight.size(2), weight.size(3), stride[0], stride[1], padding[0],     padding[1], false,
              height,         width,          0,         0,         1,              1};
  orderPixels(s);
  return s;
}

namespace {

bool isPointwise(const ConvShape& s) {
  return s.kernelH == 1 && s.kernelW == 1 && s.padH == 0 && s.padW == 0;
}

}  // namespace

ConvPlan::ConvPlan(const ConvShape& s, at::ScalarType type, bool always) {
  const bool bf16 = type == at::kBFloat16;
  const int64_t perLane = bf16 ? kernels::best().gemmBf16.perLane : kernels::best().gemmF32.perLane;
  const int64_t block = kernels::kGemmBlock;
  const bool wholeIn = s.inChannels % block == 0, wholeOut = s.outChannels % block == 0;
  rowBlock = !wholeIn && s.strideW * s.inChannels % perLane == 0;
  im2col = wholeIn;
  inputGradient = wholeOut;
  weightGradient = wholeIn && wholeOut;
  if (always) return;
  const bool isStrided = s.strideH > 1 || s.strideW > 1;
  const bool fast = kernels::gemmIsFast(bf16) && outputPixels(s) >= 64 && s.outChannels >= 32;
  // LibTorch's float32 convolution runs nearer to the processor's peak than its bfloat16 one.
  const bool suits = fast && (s.byPosition || (bf16 && (isPointwise(s) || isStrided)));
  rowBlock = rowBlock && fast && bf16 && s.inChannels <= 4;
  im2col = im2col && suits;
  inputGradient = inputGradient && suits && (bf16 || !isStrided);
  weightGradient = weightGradient && (suits || (fast && isStrided && !isPointwise(s)));
}

}  // namespace ct
