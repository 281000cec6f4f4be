// ct::max_pool2d: max pooling over channels-last images on the CPU with one byte per output for backward.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "operands.h"
#include "second_order.h"

namespace ct {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename T>
const kernels::PoolKernels<T>& table() {
  return setFor<T>(kernels::best().poolF32, kernels::best().poolBf16);
}

kernels::PoolShape shapeOf(at::IntArrayRef input, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding) {
  TORCH_CHECK(kernel.size() == 2 && stride.size() == 2 && padding.size() == 2, "expected kernel, stride and padding of two values each");
  TORCH_CHECK(kernel[0] > 0 && kernel[1] > 0 && stride[0] > 0 && stride[1] > 0, "expected kernel and stride above 0, received ", kernel, " and ", stride);
  TORCH_CHECK(kernel[0] * kernel[1] <= 256, "expected a window of at most 256 positions, received ", kernel);
  TORCH_CHECK(padding[0] >= 0 && padding[1] >= 0 && 2 * padding[0] <= kernel[0] && 2 * padding[1] <= kernel[1],
              "pad should be at most half of kernel size");
  kernels::PoolShape s{input[2], input[3], input[1], 0, 0, kernel[0], kernel[1], stride[0], stride[1], padding[0], padding[1]};
  s.outHeight = (s.height + 2 * s.padH - s.kernelH) / s.strideH + 1;
  s.outWidth = (s.width + 2 * s.padW - s.kernelW) / s.strideW + 1;
  TORCH_CHECK(s.height + 2 * s.padH >= s.kernelH && s.width + 2 * s.padW >= s.kernelW, "the window is larger than the input ",
              input);
  return s;
}

template <typename T>
void forwardAll(const Tensor& x, const kernels::PoolShape& s, const Tensor& y, const Tensor& index) {
  const int64_t imageSize = s.height * s.width * s.channels;
  const int64_t rowSize = s.outWidth * s.channels;
  parallelFor(x.size(0) * s.outHeight, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const T* image = pointer<const T>(x) + row / s.outHeight * imageSize;
      table<T>().forward(image, s, row % s.outHeight, pointer<T>(y) + row * rowSize,
                         pointer<uint8_t>(index) + row * rowSize);
    }
  });
}

struct CoverageTable {
  std::vector<int32_t> first;
  std::vector<int32_t> last;

  CoverageTable(int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t count) {
    for (int64_t at = 0; at < size; at++) {
      const int64_t lowest = at + pad - kernel + 1;
      first.push_back(static_cast<int32_t>(lowest <= 0 ? 0 : (lowest + stride - 1) / stride));
      last.push_back(static_cast<int32_t>(std::min((at + pad) / stride, count - 1)));
    }
  }
  kernels::Coverage view() const { return {first.data(), last.data()}; }
};

template <typename T>
void backwardAll(const Tensor& gy, const Tensor& index, const kernels::PoolShape& s, const Tensor& gx) {
  const int64_t outSize = s.outHeight * s.outWidth * s.channels;
  const int64_t rowSize = s.width * s.channels;
  const CoverageTable rows(s.height, s.kernelH, s.strideH, s.padH, s.outHeight);
  const CoverageTable columns(s.width, s.kernelW, s.strideW, s.padW, s.outWidth);
  parallelFor(gx.size(0) * s.height, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t image = row / s.height;
      table<T>().backward(pointer<const T>(gy) + image * outSize, pointer<const uint8_t>(index) + image * outSize, s,
                          rows.view(), columns.view(), row % s.height, pointer<T>(gx) + row * rowSize);
    }
  });
}

struct MaxPool2d : torch::autograd::Function<MaxPool2d> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, std::vector<int64_t> kernel, std::vector<int64_t> stride,
                        std::vector<int64_t> padding) {
    TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "input: expected [N, C, H, W] with elements, received ", x.sizes());
    TORCH_CHECK(x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16),
                "input: expected float32 or bfloat16 on the CPU, received ", x.scalar_type(), " on ", x.device());
    TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast), "input: expected channels-last memory format");
    const kernels::PoolShape s = shapeOf(x.sizes(), kernel, stride, padding);
    const std::vector<int64_t> sizes{x.size(0), s.channels, s.outHeight, s.outWidth};
    Tensor y = at::empty(sizes, x.options(), at::MemoryFormat::ChannelsLast);
    Tensor index = at::empty(sizes, x.options().dtype(at::kByte), at::MemoryFormat::ChannelsLast);
    x.scalar_type() == at::kFloat ? forwardAll<float>(x, s, y, index) : forwardAll<uint16_t>(x, s, y, index);
    ctx->save_for_backward({index});
    ctx->saved_data["kernel"] = kernel;
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->saved_data["sizes"] = x.sizes().vec();
    ctx->saved_data["dtype"] = static_cast<int64_t>(x.scalar_type());
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Tensor index = ctx->get_saved_variables()[0];
    const auto type = static_cast<at::ScalarType>(ctx->saved_data["dtype"].toInt());
    const Tensor gy = gradients[0].to(type).contiguous(at::MemoryFormat::ChannelsLast);
    const std::vector<int64_t> sizes = ctx->saved_data["sizes"].toIntVector();
    const kernels::PoolShape s =
        shapeOf(sizes, ctx->saved_data["kernel"].toIntVector(), ctx->saved_data["stride"].toIntVector(),
                ctx->saved_data["padding"].toIntVector());
    // Double backward (createGraph).
    if (at::GradMode::is_enabled()) return {maxPoolGradient(gy, index, s), Tensor(), Tensor(), Tensor()};
    Tensor gx = at::empty(sizes, gy.options(), at::MemoryFormat::ChannelsLast);
    type == at::kFloat ? backwardAll<float>(gy, index, s, gx) : backwardAll<uint16_t>(gy, index, s, gx);
    return {gx, Tensor(), Tensor(), Tensor()};
  }
};

Tensor maxPool2d(const Tensor& input, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding) {
  return MaxPool2d::apply(input, kernel.vec(), stride.vec(), padding.vec());
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def("max_pool2d(Tensor input, int[2] kernel_size, int[2] stride, int[2] padding) -> Tensor", ct::maxPool2d);
}
