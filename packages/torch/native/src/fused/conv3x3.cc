// ct::conv3x3: 3x3 convolutions (stride 1, padding 1) of channels-last images on the CPU by Winograd's algorithm, forward
// and both gradients, where that is faster; elsewhere as ct::conv2d does.
#include <ATen/Parallel.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "conv2d.h"
#include "operands.h"

namespace ct {
namespace {

using at::Tensor;
using c10::optional;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename T>
const kernels::WinogradKernels<T>& table() {
  return setFor<T>(kernels::best().winogradF32, kernels::best().winogradBf16);
}

template <typename T>
kernels::WinogradShape shapeOf(const Tensor& x) {
  const int64_t height = x.size(2), width = x.size(3), h = table<T>().tileH, w = table<T>().tileW;
  return {x.size(0), height, width, (height + h - 1) / h, (width + w - 1) / w};
}

int64_t tilesOf(const kernels::WinogradShape& s) {
  return s.images * s.tilesH * s.tilesW;
}

// x [N, In, H, W] to [N, Out, H, W]; with `transposed`, the gradient [N, Out, H, W] to that of the input. Tiles are
// independent, so that neither blocks nor threads change a bit of the result.
template <typename T>
Tensor convolve(const Tensor& x, const Tensor& weight, const Tensor& bias, bool transposed) {
  const kernels::WinogradKernels<T>& k = table<T>();
  const int64_t from = weight.size(transposed ? 0 : 1), to = weight.size(transposed ? 1 : 0);
  const kernels::WinogradShape s = shapeOf<T>(x);
  Tensor y = at::empty({s.images, to, s.height, s.width}, x.options(), at::MemoryFormat::ChannelsLast);
  if (s.images == 0) return y;
  const int64_t lanes = kernels::winogradLanes(from, k.perLane);
  const Tensor filters = workspace(k.positions * k.panels(to) * lanes * k.panel);
  const int64_t depthBlocks = lanes * k.perLane / kernels::kWinogradDepthBlock;
  forEach(depthBlocks * k.panels(to), [&](int64_t block) {
    k.filters({pointer<T>(weight), weight.size(1), weight.size(0), transposed, depthBlocks, block, filters.data_ptr()});
  });
  // A block's transformed tiles should fit in the L2 cache. With many channels the filters never do, and larger blocks
  // amortize reading them.
  const int64_t largest = (from + to <= 256 ? 4 : 8) * kernels::kWinogradRows;
  const int64_t tiles = tilesOf(s), threads = at::get_num_threads();
  const int64_t blocks = (tiles + largest * threads - 1) / (largest * threads) * threads;
  const int64_t size = (tiles + blocks - 1) / blocks;
  parallelFor((tiles + size - 1) / size, [&](int64_t begin, int64_t end) {
    const Tensor scratch = workspace(k.scratch(size, from, to));
    for (int64_t block = begin; block < end; block++) {
      const int64_t first = block * size;
      k.convolve({pointer<T>(x), filters.data_ptr(), pointer<float>(bias), pointer<T>(y), s, from, to, first,
                  std::min(size, tiles - first), scratch.data_ptr()});
    }
  });
  return y;
}

// A part of the sum adds one block of tiles after the other, each in two steps that may be parallel: the order of additions is
// the same with any number of threads.
template <typename T>
Tensor weightGradient(const Tensor& gy, const Tensor& x, const Tensor& weight) {
  const kernels::WinogradKernels<T>& k = table<T>();
  const int64_t in = weight.size(1), out = weight.size(0);
  const kernels::WinogradShape s = shapeOf<T>(x);
  const int64_t tiles = tilesOf(s);
  if (tiles == 0) return at::zeros_like(weight);
  // A block reads and writes the sums once and its transformed tiles once: the more channels, the larger the sums are compared
  // with the tiles.
  const int64_t size = std::min<int64_t>(512, std::max<int64_t>(128, std::max(in, out)));
  const int64_t rows = (std::min(size, tiles) + k.perLane - 1) / k.perLane;
  const auto roundUp = [](int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; };
  kernels::WinogradGradient<T> all{};
  all.x = pointer<T>(x);
  all.gy = pointer<T>(gy);
  all.shape = s;
  all.inChannels = in;
  all.outChannels = out;
  // One cache line more than a power of two, or columns would map to a few sets of the cache.
  all.imagePanel = rows * k.panel + 16;
  all.gradientRow = roundUp(out, 16) + 16;
  all.imageStep = k.panels(in) * all.imagePanel;
  all.gradientStep = rows * all.gradientRow;
  all.sumRow = k.panels(in) * k.panel;
  all.sumStep = roundUp(out, kernels::kWinogradRows) * all.sumRow + 16;
  all.partStep = k.positions * all.sumStep;
  const SumParts parts(tiles, all.partStep);
  all.parts = parts.count;
  const Tensor sums = workspace(parts.count * all.partStep);
  all.sums = pointer<float>(sums);
  forParts(parts.count, [&](int64_t part) {
    kernels::WinogradGradient<T> a = all;
    const Tensor images = workspace(k.positions * a.imageStep), gradients = workspace(k.positions * a.gradientStep + 16);
    a.images = images.data_ptr();
    a.gradients = gradients.data_ptr();
    a.sums += part * a.partStep;
    const int64_t begin = part * parts.size, end = std::min(tiles, begin + parts.size);
    for (a.first = begin; a.first < end; a.first += size) {
      a.last = std::min(end, a.first + size);
      a.adds = a.first > begin;
      forEach((a.last - a.first + k.perLane - 1) / k.perLane, [&](int64_t row) { k.gradientRows(a, row); });
      forEach(k.positions * k.panels(in), [&](int64_t i) { k.gradientGemm(a, i / k.panels(in), i % k.panels(in)); });
    }
  });
  Tensor gradient = at::empty(weight.sizes(), weight.options(), at::MemoryFormat::ChannelsLast);
  forEach(out, [&](int64_t i) { k.gradientTaps(all, i, pointer<T>(gradient) + i * 9 * in); });
  return gradient;
}

bool fits(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto type = x.scalar_type();
  return x.device().is_cpu() && x.layout() == at::kStrided && (type == at::kFloat || type == at::kBFloat16) && x.dim() == 4 &&
         x.size(1) > 0 && x.size(2) > 0 && x.size(3) > 0 && x.is_contiguous(at::MemoryFormat::ChannelsLast) && weight.dim() == 4 && weight.numel() > 0 &&
         weight.scalar_type() == type && weight.device().is_cpu() && weight.size(1) == x.size(1) && weight.size(2) == 3 &&
         weight.size(3) == 3 &&
         (!bias.defined() || (bias.scalar_type() == type && bias.device().is_cpu() && bias.dim() == 1 && bias.size(0) == weight.size(0)));
}

// Whether Winograd's algorithm is faster, by rule, never by timing: the same on every run. It is when
// - these kernels use the processor's vectors as well as oneDNN's do, and there is no matrix unit for bf16;
// - tiles, their parts outside of the image included, save at least half of the multiplications;
// - there are enough channels to amortize the transforms of tiles, and enough tiles to amortize those of filters.
template <typename T>
bool pays(const Tensor& x, const Tensor& weight) {
  const kernels::WinogradKernels<T>& k = table<T>();
  if (!kernels::winogradIsFast(sizeof(T) == 2)) return false;
  const kernels::WinogradShape s = shapeOf<T>(x);
  const int64_t multiplications = k.positions * s.tilesH * s.tilesW;
  return 9 * s.height * s.width >= 2 * multiplications && std::min(weight.size(0), weight.size(1)) >= 32 && tilesOf(s) >= 64;
}

struct Conv3x3 : torch::autograd::Function<Conv3x3> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const optional<Tensor>& optionalBias) {
    const Tensor bias = orNone(optionalBias);
    const Tensor bias32 = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
    const Tensor packed = weight.contiguous(at::MemoryFormat::ChannelsLast);
    ctx->saved_data["needs_grad"] = std::vector<bool>{x.requires_grad(), weight.requires_grad(), bias.defined() && bias.requires_grad()};
    ctx->save_for_backward({x, weight});
    return x.scalar_type() == at::kFloat ? convolve<float>(x, packed, bias32, false) : convolve<uint16_t>(x, packed, bias32, false);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const c10::List<bool> needsGrad = ctx->saved_data["needs_grad"].toBoolList();
    if (at::GradMode::is_enabled()) {
      // Double backward: LibTorch's operator is differentiable.
      auto [gx, gw, gb] = at::convolution_backward(gradients[0], x, weight, at::IntArrayRef{weight.size(0)}, {1, 1}, {1, 1},
                                                   {1, 1}, false, {0, 0}, 1, {needsGrad[0], needsGrad[1], needsGrad[2]});
      return {gx, gw, gb};
    }
    const bool isFloat = x.scalar_type() == at::kFloat;
    const Tensor gy = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
    Tensor gx, gw, gb;
    if (needsGrad[0]) {
      const Tensor packed = weight.contiguous(at::MemoryFormat::ChannelsLast);
      gx = isFloat ? convolve<float>(gy, packed, Tensor(), true) : convolve<uint16_t>(gy, packed, Tensor(), true);
    }
    if (needsGrad[1]) gw = isFloat ? weightGradient<float>(gy, x, weight) : weightGradient<uint16_t>(gy, x, weight);
    if (needsGrad[2]) gb = at::sum(gy, {0, 2, 3});
    return {gx, gw, gb};
  }
};

Tensor conv3x3(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, bool always) {
  const bool possible = fits(input, weight, orNone(bias));
  // LibTorch 1.13 fails for an empty batch and channels-last weights.
  always = always || (possible && input.size(0) == 0);
  TORCH_CHECK(possible || !always, "expected input channels-last float32 or bfloat16 [N, C, H, W] on the CPU, weight [K, C, 3, 3] and ",
              "bias [K] of its dtype, received ", input.scalar_type(), " ", input.sizes(), " and ", weight.scalar_type(), " ", weight.sizes());
  if (possible && (always || (input.scalar_type() == at::kFloat ? pays<float>(input, weight) : pays<uint16_t>(input, weight)))) {
    return Conv3x3::apply(input, weight, bias);
  }
  return packedConv2d(input, weight, bias, {1, 1}, {1, 1}, false);
}

// Operands in autocast's dtype, as for LibTorch's convolutions.
Tensor conv3x3Autocast(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, bool always) {
  c10::impl::ExcludeDispatchKeyGuard once(c10::DispatchKey::AutocastCPU);
  const auto cast = autocastOnCpu();
  return conv3x3(cast(input), cast(weight), bias.has_value() ? optional<Tensor>(cast(*bias)) : bias, always);
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def("conv3x3(Tensor input, Tensor weight, Tensor? bias=None, bool always=False) -> Tensor", ct::conv3x3);
}

TORCH_LIBRARY_IMPL(ct, AutocastCPU, m) {
  m.impl("conv3x3", ct::conv3x3Autocast);
}
