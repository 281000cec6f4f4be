// Convolutions of channels-last images on the CPU as GEMMs over packed operands. T: float, or uint16_t for bfloat16. A ConvPlan
// says which of them a shape allows.
#pragma once

#include <ATen/core/Tensor.h>

#include "../kernels/kernels.h"

namespace ct {

// x [N, In, H, W] to [N, Out, OH, OW]. weight: channels-last; bias: float32 or undefined. By blocks of image rows,
// for few channels, or by im2col.
template <typename T>
at::Tensor convolveRowBlocks(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const kernels::ConvShape& s);
template <typename T>
at::Tensor convolveIm2col(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const kernels::ConvShape& s);

// gy [N, Out, OH, OW] to that of the input. weight: channels-last.
template <typename T>
at::Tensor convInputGradient(const at::Tensor& gy, const at::Tensor& weight, const kernels::ConvShape& s);

// gy and x, channels-last, to that of the weights, channels-last and with the strides of `weight` where those are.
template <typename T>
at::Tensor convWeightGradient(const at::Tensor& gy, const at::Tensor& x, const at::Tensor& weight, const kernels::ConvShape& s);

}  // namespace ct
