#include "second_order.h"

#include <ATen/ATen.h>

namespace ct {

using at::Tensor;

torch::autograd::variable_list batchNormGradients(const Tensor& gy, const BatchNormRecord& record) {
  const auto perChannel = [](const Tensor& vector) { return vector.reshape({1, -1, 1, 1}); };
  const std::vector<int64_t> dims{0, 2, 3};
  const at::IntArrayRef overPixels(dims);
  const Tensor x = record.x.to(at::kFloat);
  Tensor g = gy.to(at::kFloat);
  if (record.relu) {
    const Tensor before = record.y.defined() ? record.y.detach()
                                             : x.detach() * perChannel(record.scale) + perChannel(record.shift);
    g = g * before.gt(0).to(at::kFloat);
  }
  Tensor mean = perChannel(record.mean), invstd = perChannel(record.invstd);
  if (record.training) {
    // The batch's statistics depend on the input: part of the second derivative.
    mean = x.mean(overPixels, true);
    const Tensor variance = (x - mean).square().mean(overPixels, true).add(record.eps);
    const Tensor none = variance.eq(0);
    invstd = variance.masked_fill(none, 1).rsqrt().masked_fill(none, 0);
  }
  const Tensor normalized = (x - mean) * invstd;
  const Tensor gradBias = g.sum(overPixels, true);
  const Tensor gradWeight = (g * normalized).sum(overPixels, true);
  Tensor gx = g;
  if (record.training) {
    const double count = static_cast<double>(x.numel() / x.size(1));
    gx = g - (gradBias + normalized * gradWeight) / count;
  }
  gx = gx * (record.weight.defined() ? invstd * perChannel(record.weight) : invstd);
  const at::ScalarType type = record.x.scalar_type();
  return {gx.to(type), gradWeight.reshape({-1}), gradBias.reshape({-1}), g.to(type)};
}

Tensor maxPoolGradient(const Tensor& gy, const Tensor& index, const kernels::PoolShape& s) {
  const at::TensorOptions integers = index.options().dtype(at::kLong);
  const Tensor position = index.to(at::kLong);
  const Tensor top = (at::arange(s.outHeight, integers) * s.strideH - s.padH).reshape({1, 1, -1, 1});
  const Tensor left = (at::arange(s.outWidth, integers) * s.strideW - s.padW).reshape({1, 1, 1, -1});
  const Tensor row = at::div(position, s.kernelW, "floor") + top;
  const Tensor column = at::remainder(position, s.kernelW) + left;
  const Tensor pixel = (row * s.width + column).flatten(2);
  const int64_t images = index.size(0);
  const Tensor zeros = at::zeros({images, s.channels, s.height * s.width}, gy.options());
  return zeros.scatter_add(2, pixel, gy.flatten(2))
      .reshape({images, s.channels, s.height, s.width})
      .contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace ct
