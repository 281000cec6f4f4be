// The operator ct::conv2d.
#pragma once

#include <ATen/core/Tensor.h>

namespace ct {

// Falls back to LibTorch where its kernels are not faster; with `always`, only where there is no kernel.
at::Tensor packedConv2d(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias,
                        at::IntArrayRef stride, at::IntArrayRef padding, bool always);

}  // namespace ct
