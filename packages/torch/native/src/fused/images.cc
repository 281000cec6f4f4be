// ct::normalize_images: uint8 pixels to normalized channels-last floats in one pass.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "../kernels/kernels.h"
#include "../prelude.h"

namespace ct {
namespace {

using at::Tensor;

Tensor normalizeImages(const Tensor& images, at::ArrayRef<double> mean, at::ArrayRef<double> std, at::ScalarType dtype) {
  TORCH_CHECK(images.dim() == 4 && images.scalar_type() == at::kByte && images.is_contiguous() && images.device().is_cpu(),
              "images: expected contiguous uint8 [N, H, W, C] on the CPU, received ", images.scalar_type(), " ", images.sizes());
  const int64_t channels = images.size(3);
  TORCH_CHECK(channels >= 1 && channels <= 4, "images: expected 1 to 4 channels, received ", channels);
  TORCH_CHECK((int64_t)mean.size() == channels && (int64_t)std.size() == channels, "mean and std: expected one value per channel");
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "dtype: expected float32 or bfloat16, received ", dtype);
  Tensor result = at::empty({images.size(0), channels, images.size(1), images.size(2)}, images.options().dtype(dtype),
                            at::MemoryFormat::ChannelsLast);
  float scale[4], shift[4];
  for (int64_t c = 0; c < channels; c++) {
    scale[c] = static_cast<float>(1.0 / (255.0 * std[c]));
    shift[c] = static_cast<float>(-mean[c] / std[c]);
  }
  const uint8_t* from = images.data_ptr<uint8_t>();
  at::parallel_for(0, images.numel() / channels, 1 << 14, [&](int64_t begin, int64_t end) {
    const int64_t offset = begin * channels;
    if (dtype == at::kFloat) {
      kernels::best().normalizeF32(from + offset, end - begin, channels, scale, shift,
                                   static_cast<float*>(result.data_ptr()) + offset);
    } else {
      kernels::best().normalizeBf16(from + offset, end - begin, channels, scale, shift,
                                    static_cast<uint16_t*>(result.data_ptr()) + offset);
    }
  });
  return result;
}

const char* kernelSet() {
  return kernels::best().name;
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def("normalize_images(Tensor images, float[] mean, float[] std, ScalarType dtype) -> Tensor", ct::normalizeImages);
  m.def("kernel_set() -> str", []() -> std::string { return ct::kernelSet(); });
}
