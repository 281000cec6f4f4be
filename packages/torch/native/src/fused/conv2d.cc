// ct::conv2d: convolutions of channels-last images on the CPU. The forward pass and each of the two gradients is a GEMM over
// packed operands where that is faster than LibTorch's convolution, which computes the others.
#include "conv2d.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/sum.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>

#include "conv_plan.h"
#include "conv_gemm.h"
#include "operands.h"

namespace ct {
namespace {

using at::IntArrayRef;
using at::Tensor;
using c10::optional;
using kernels::ConvShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool fits(const Tensor& x, const Tensor& weight, const Tensor& bias, IntArrayRef stride, IntArrayRef padding) {
  const auto type = x.scalar_type();
  const auto isLike = [&](const Tensor& t, int64_t dim) {
    return t.scalar_type() == type && t.device().is_cpu() && t.layout() == at::kStrided && t.dim() == dim;
  };
  if ((type != at::kFloat && type != at::kBFloat16) || !isLike(x, 4) || !isLike(weight, 4) || weight.numel() == 0 ||
      x.size(1) != weight.size(1) || !x.is_contiguous(at::MemoryFormat::ChannelsLast)) {
    return false;
  }
  for (int i = 0; i < 2; i++) {
    if (stride[i] < 1 || padding[i] < 0 || x.size(2 + i) + 2 * padding[i] < weight.size(2 + i)) return false;
  }
  return !bias.defined() || (isLike(bias, 1) && bias.size(0) == weight.size(0));
}

struct PackedConv2d : torch::autograd::Function<PackedConv2d> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const optional<Tensor>& optionalBias,
                        IntArrayRef stride, IntArrayRef padding, bool always) {
    const Tensor bias = orNone(optionalBias);
    ctx->saved_data["needs_grad"] = std::vector<bool>{x.requires_grad(), weight.requires_grad(), bias.defined() && bias.requires_grad()};
    ctx->saved_data["stride"] = stride.vec();
    ctx->saved_data["padding"] = padding.vec();
    ctx->saved_data["always"] = always;
    ctx->save_for_backward({x, weight});
    return x.scalar_type() == at::kFloat ? compute<float>(x, weight, bias, stride, padding, always)
                                         : compute<uint16_t>(x, weight, bias, stride, padding, always);
  }

  template <typename T>
  static Tensor compute(const Tensor& x, const Tensor& weight, const Tensor& bias, IntArrayRef stride, IntArrayRef padding,
                        bool always) {
    const ConvShape s = convShape(x, weight, stride, padding);
    const ConvPlan plan(s, x.scalar_type(), always);
    if (!plan.rowBlock && !plan.im2col) return at::convolution(x, weight, bias, stride, padding, {1, 1}, false, {0, 0}, 1);
    const Tensor packed = weight.contiguous(at::MemoryFormat::ChannelsLast);
    const Tensor bias32 = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
    return plan.rowBlock ? convolveRowBlocks<T>(x, packed, bias32, s) : convolveIm2col<T>(x, packed, bias32, s);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const c10::List<bool> list = ctx->saved_data["needs_grad"].toBoolList();
    const std::array<bool, 3> needsGrad{list[0], list[1], list[2]};
    const std::vector<int64_t> stride = ctx->saved_data["stride"].toIntVector(), padding = ctx->saved_data["padding"].toIntVector();
    const bool always = ctx->saved_data["always"].toBool();
    const Tensor &x = saved[0], &weight = saved[1];
    variable_list g;
    if (at::GradMode::is_enabled()) {
      // Double backward: LibTorch's operator is differentiable.
      g = byLibTorch(gradients[0], x, weight, stride, padding, needsGrad);
    } else {
      const Tensor gy = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
      g = x.scalar_type() == at::kFloat ? byKernels<float>(gy, x, weight, stride, padding, needsGrad, always)
                                        : byKernels<uint16_t>(gy, x, weight, stride, padding, needsGrad, always);
    }
    return {g[0], g[1], g[2], Tensor(), Tensor(), Tensor()};
  }

  static variable_list byLibTorch(const Tensor& gy, const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding,
                              std::array<bool, 3> needsGrad) {
    auto [gx, gw, gb] = at::convolution_backward(gy, x, weight, IntArrayRef{weight.size(0)}, stride, padding, {1, 1}, false,
                                                 {0, 0}, 1, needsGrad);
    return {gx, gw, gb};
  }

  template <typename T>
  static variable_list byKernels(const Tensor& gy, const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding,
                            std::array<bool, 3> needsGrad, bool always) {
    const ConvShape s = convShape(x, weight, stride, padding);
    const ConvPlan plan(s, x.scalar_type(), always);
    const bool input = needsGrad[0] && plan.inputGradient, weights = needsGrad[1] && plan.weightGradient;
    variable_list g(3);
    if ((needsGrad[0] && !input) || (needsGrad[1] && !weights)) {
      g = byLibTorch(gy, x, weight, stride, padding, {needsGrad[0] && !input, needsGrad[1] && !weights, false});
    }
    if (input) g[0] = convInputGradient<T>(gy, weight.contiguous(at::MemoryFormat::ChannelsLast), s);
    if (weights) g[1] = convWeightGradient<T>(gy, x, weight, s);
    if (needsGrad[2]) g[2] = at::sum(gy, {0, 2, 3});
    return g;
  }
};

}  // namespace

Tensor packedConv2d(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride, IntArrayRef padding,
                    bool always) {
  const bool possible = fits(input, weight, orNone(bias), stride, padding);
  TORCH_CHECK(possible || !always, "expected input channels-last float32 or bfloat16 [N, C, H, W] on the CPU, weight [K, C, KH, KW] and ",
              "bias [K] of its dtype, received ", input.scalar_type(), " ", input.sizes(), " and ", weight.scalar_type(), " ", weight.sizes());
  if (possible) {
    const ConvPlan plan(convShape(input, weight, stride, padding), input.scalar_type(), always);
    if (plan.any()) return PackedConv2d::apply(input, weight, bias, stride, padding, always);
  }
  return at::conv2d(input, weight, bias, stride, padding, {1, 1}, 1);
}

namespace {

// Operands in autocast's dtype, as for LibTorch's convolutions.
Tensor conv2dAutocast(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride,
                      IntArrayRef padding, bool always) {
  c10::impl::ExcludeDispatchKeyGuard once(c10::DispatchKey::AutocastCPU);
  const auto cast = autocastOnCpu();
  return packedConv2d(cast(input), cast(weight), bias.has_value() ? optional<Tensor>(cast(*bias)) : bias, stride, padding, always);
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def("conv2d(Tensor input, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, bool always=False) -> Tensor",
        ct::packedConv2d);
}

TORCH_LIBRARY_IMPL(ct, AutocastCPU, m) {
  m.impl("conv2d", ct::conv2dAutocast);
}
