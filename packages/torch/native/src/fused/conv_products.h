// Convolutions of channels-last images on the CPU as matrix products of packed operands. T: float, or uint16_t for bfloat16.
// A ConvPlan says which of them a shape allows.
#pragma once

#include <ATen/core/Tensor.h>

#include "../kernels/kernels.h"

namespace ct {

// x [N, In, H, W] to [N, Out, OH, OW]. weight: channels-last; bias: float32 or undefined. By rows of the image, for few
// channels, or by the gathered taps of each output pixel.
template <typename T>
at::Tensor convolveStrips(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const kernels::ConvShape& s);
template <typename T>
at::Tensor convolveGathered(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const kernels::ConvShape& s);

// gy [N, Out, OH, OW] to that of the input. weight: channels-last.
template <typename T>
at::Tensor convInputGradient(const at::Tensor& gy, const at::Tensor& weight, const kernels::ConvShape& s);

// gy and x, channels-last, to that of the weights, channels-last and with the strides of `weight` where those are.
template <typename T>
at::Tensor convWeightGradient(const at::Tensor& gy, const at::Tensor& x, const at::Tensor& weight, const kernels::ConvShape& s);

}  // namespace ct
