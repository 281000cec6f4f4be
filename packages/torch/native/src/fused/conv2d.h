// The operator ct::conv2d.
#pragma once

#include <ATen/core/Tensor.h>

namespace ct {

// Takes any operands, and leaves to LibTorch what it has no faster kernel for; with `always`, only what it has none for.
at::Tensor packedConv2d(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias,
                        at::IntArrayRef stride, at::IntArrayRef padding, bool always);

}  // namespace ct
