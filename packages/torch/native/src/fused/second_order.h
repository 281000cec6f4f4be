// Gradients of the fused operators by ATen's: slower, but differentiable.
#pragma once

#include <torch/csrc/autograd/variable.h>

#include "../kernels/kernels.h"

namespace ct {

struct BatchNormRecord {
  at::Tensor x;
  at::Tensor y;       // undefined: relu's mask is recomputed
  at::Tensor weight;  // undefined: ones
  at::Tensor mean, invstd, scale, shift;
  bool training;
  bool relu;
  double eps;
};

// The gradients of input, weight, bias and residual.
torch::autograd::variable_list batchNormGradients(const at::Tensor& gy, const BatchNormRecord& record);

// The gradient of the input; `index` is the position of the largest value in its window.
at::Tensor maxPoolGradient(const at::Tensor& gy, const at::Tensor& index, const kernels::PoolShape& shape);

}  // namespace ct
