// ct::conv2d: convolutions of channels-last images on the CPU as matrix products of packed operands, each of the forward
// pass and the two gradients where that needs less time than LibTorch's convolution, which does the others.
#include <ATen/Parallel.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "conv_products.h"
#include "operands.h"

namespace ct {
namespace {

using at::IntArrayRef;
using at::Tensor;
using c10::optional;
using kernels::ConvShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <typename T>
const kernels::ProductsKernels<T>& table() {
  return setFor<T>(kernels::best().productsF32, kernels::best().productsBf16);
}

// In an image of 4 x 4, three of ten taps of 3 x 3 are outside. In larger ones it is not worth reading them out of order.
void numberPixels(ConvShape& s) {
  s.byPosition = s.kernelH * s.kernelW > 1 && s.outHeight * s.outWidth <= 16 && s.images >= 8;
}

ConvShape shapeOf(const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding) {
  const auto size = [&](int i) { return (x.size(2 + i) + 2 * padding[i] - weight.size(2 + i)) / stride[i] + 1; };
  const int64_t height = size(0), width = size(1);
  ConvShape s{x.size(0),      x.size(1),      x.size(2), x.size(3), weight.size(0), height,     width,
              weight.size(2), weight.size(3), stride[0], stride[1], padding[0],     padding[1], false,
              height,         width,          0,         0,         1,              1};
  numberPixels(s);
  return s;
}

int64_t pixelsOf(const ConvShape& s) {
  return s.images * s.outHeight * s.outWidth;
}

bool isPointwise(const ConvShape& s) {
  return s.kernelH == 1 && s.kernelW == 1 && s.padH == 0 && s.padW == 0;
}

int64_t divideUp(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit;
}

// What the kernels can compute of a convolution, and what they are known to compute faster than LibTorch's convolution: by
// rule, never by a clock.
template <typename T>
struct Plan {
  bool strip, gather, inputGradient, weightGradient;

  Plan(const ConvShape& s, bool always) {
    const int64_t perUnit = table<T>().perUnit, block = kernels::kProductBlock;
    const bool wholeIn = s.inChannels % block == 0, wholeOut = s.outChannels % block == 0;
    strip = !wholeIn && s.strideW * s.inChannels % perUnit == 0;
    gather = wholeIn;
    inputGradient = wholeOut;
    weightGradient = wholeIn && wholeOut;
    if (always) return;
    const bool bf16 = sizeof(T) == 2, isStrided = s.strideH > 1 || s.strideW > 1;
    const bool fast = kernels::productsAreFast(bf16) && pixelsOf(s) >= 64 && s.outChannels >= 32;
    // LibTorch's convolution in float32 wastes less of the processor than its one in bfloat16.
    const bool suits = fast && (s.byPosition || (bf16 && (isPointwise(s) || isStrided)));
    strip = strip && fast && bf16 && s.inChannels <= 4;
    gather = gather && suits;
    inputGradient = inputGradient && suits && (bf16 || !isStrided);
    weightGradient = weightGradient && (suits || (fast && isStrided && !isPointwise(s)));
  }

  bool any() const { return strip || gather || inputGradient || weightGradient; }
};

template <typename T>
Tensor pack(kernels::ProductsFilters<T> f) {
  const kernels::ProductsKernels<T>& k = table<T>();
  const Tensor packed = workspace(k.panels(f.columns) * f.rows * divideUp(f.numbers, k.perUnit) * k.panel);
  f.out = packed.data_ptr();
  forEach(k.panels(f.columns), [&](int64_t panel) { k.filters(f, panel); });
  return packed;
}

// The filters [Out, KH, KW, In] with `rows` rows, of taps in a row or of one tap each.
template <typename T>
Tensor packFilters(const Tensor& weight, int64_t rows) {
  const int64_t out = weight.size(0), all = weight.size(1) * weight.size(2) * weight.size(3), row = all / rows;
  return pack<T>({pointer<T>(weight), out, rows, row, rows, all, 0, row, 1, nullptr});
}

template <typename T>
Tensor convolveStrips(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvShape& s) {
  constexpr int64_t kRows = 8;
  const kernels::ProductsKernels<T>& k = table<T>();
  const Tensor filters = packFilters<T>(weight, s.kernelH);
  Tensor y = at::empty({s.images, s.outChannels, s.outHeight, s.outWidth}, x.options(), at::MemoryFormat::ChannelsLast);
  const int64_t strips = divideUp(s.outHeight, kRows);
  forRanges(s.images * strips, [&](int64_t begin, int64_t end) {
    const Tensor scratch = workspace(kernels::stripScratch(s, k.perUnit, kRows));
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % strips * kRows;
      k.strip({pointer<T>(x), filters.data_ptr(), pointer<float>(bias), pointer<T>(y), s, i / strips, first,
               std::min(first + kRows, s.outHeight), scratch.data_ptr()});
    }
  });
  return y;
}

template <typename T>
void gatherAll(const Tensor& x, const Tensor& filters, const Tensor& bias, const ConvShape& s, const Tensor& y) {
  const kernels::ProductsKernels<T>& k = table<T>();
  // Few pixels in a block where each is much work, so that threads end together.
  const int64_t size = s.inChannels * s.outChannels * s.kernelH * s.kernelW < 1 << 19 ? 48 : 16;
  // Pixels are taken from one position at a time, or from all.
  const int64_t pixels = s.byPosition ? s.images : pixelsOf(s), runs = s.byPosition ? s.outHeight * s.outWidth : 1;
  const int64_t blocks = divideUp(pixels, size);
  forRanges(runs * blocks, [&](int64_t begin, int64_t end) {
    const Tensor scratch = workspace(size * kernels::gatherRowUnits(s, k.perUnit));
    for (int64_t i = begin; i < end; i++) {
      const int64_t run = i / blocks * pixels, first = i % blocks * size;
      k.gather({pointer<T>(x), filters.data_ptr(), pointer<float>(bias), pointer<T>(y), s, run + first,
                run + std::min(first + size, pixels), scratch.data_ptr()});
    }
  });
}

template <typename T>
Tensor convolveGathered(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvShape& s) {
  Tensor y = at::empty({s.images, s.outChannels, s.outHeight, s.outWidth}, x.options(), at::MemoryFormat::ChannelsLast);
  gatherAll<T>(x, packFilters<T>(weight, s.kernelH * s.kernelW), bias, s, y);
  return y;
}

// Of one dimension of the gradient of the input: every stride-th pixel, from `first` on, is a convolution with stride 1 of
// the gradient of the output by every stride-th tap, from `tap` on, turned round.
struct Phase {
  int64_t first, pixels, tap, taps, pad;

  Phase(int64_t first, int64_t size, int64_t kernel, int64_t stride, int64_t padding)
      : first(first), pixels(first < size ? divideUp(size - first, stride) : 0), tap((first + padding) % stride) {
    taps = tap < kernel ? divideUp(kernel - tap, stride) : 0;
    pad = taps - 1 - (first + padding - tap) / stride;
  }
};

template <typename T>
Tensor inputGradient(const Tensor& gy, const Tensor& weight, const ConvShape& s) {
  const std::array<int64_t, 4> sizes{s.images, s.inChannels, s.height, s.width};
  const Tensor gx = at::empty(sizes, gy.options(), at::MemoryFormat::ChannelsLast);
  // Some pixels are under no tap.
  if (s.kernelH < s.strideH || s.kernelW < s.strideW) gx.zero_();
  for (int64_t i = 0; i < s.strideH * s.strideW; i++) {
    const Phase h(i / s.strideW, s.height, s.kernelH, s.strideH, s.padH), w(i % s.strideW, s.width, s.kernelW, s.strideW, s.padW);
    const int64_t in = s.inChannels, taps = h.taps * w.taps;
    if (taps * h.pixels * w.pixels == 0) continue;
    ConvShape phase{s.images, s.outChannels, s.outHeight, s.outWidth, in,      h.pixels, w.pixels,
                    h.taps,   w.taps,        1,           1,          h.pad,   w.pad,    false,
                    s.height, s.width,       h.first,     w.first,    s.strideH, s.strideW};
    numberPixels(phase);
    const int64_t last = (h.tap + (h.taps - 1) * s.strideH) * s.kernelW + w.tap + (w.taps - 1) * s.strideW;
    const Tensor filters = pack<T>({pointer<T>(weight) + last * in, in, taps, s.outChannels, w.taps, 1,
                                    -s.strideH * s.kernelW * in, -s.strideW * in, s.kernelH * s.kernelW * in, nullptr});
    gatherAll<T>(gy, filters, Tensor(), phase, gx);
  }
  return gx;
}

// Each part of the sum is one block of pixels after the other, each in two steps that may be parallel: sums are in the same
// order with any number of threads.
template <typename T>
Tensor weightGradient(const Tensor& gy, const Tensor& x, const Tensor& weight, const ConvShape& s) {
  constexpr int64_t kPixels = 512;
  const kernels::ProductsKernels<T>& k = table<T>();
  const int64_t pixels = pixelsOf(s);
  if (pixels == 0) return at::zeros_like(weight);
  const int64_t columns = s.kernelH * s.kernelW * s.inChannels, panels = k.panels(columns);
  const int64_t groups = s.outChannels / kernels::kProductBlock;
  kernels::ProductsGradient<T> all{};
  all.x = pointer<T>(x);
  all.gy = pointer<T>(gy);
  all.shape = s;
  // One row more than a power of two, or panels would meet in a few sets of the cache.
  all.capacity = divideUp(std::min(kPixels, pixels), k.perUnit) + 1;
  all.partStep = s.outChannels * panels * k.panel;
  const SumParts parts(pixels, all.partStep);
  all.parts = parts.count;
  const Tensor zeros = at::zeros({std::max(s.inChannels, s.outChannels)}, x.options());
  const Tensor sums = workspace(parts.count * all.partStep);
  all.zeros = pointer<T>(zeros);
  all.sums = pointer<float>(sums);
  forParts(parts.count, [&](int64_t part) {
    kernels::ProductsGradient<T> a = all;
    const Tensor packedColumns = workspace(panels * a.capacity * k.panel);
    const Tensor packedGradients = workspace(groups * a.capacity * kernels::kProductBlock);
    a.columns = packedColumns.data_ptr();
    a.gradients = packedGradients.data_ptr();
    a.sums += part * a.partStep;
    // Neighbours in this order share operands: four panels stay in the second-level cache while all groups pass by.
    constexpr int64_t kTogether = 4;
    const int64_t whole = panels / kTogether * kTogether;
    const auto product = [&](int64_t i) {
      if (i < whole * groups) {
        const int64_t inside = i % (kTogether * groups);
        k.gradientProduct(a, inside / kTogether, i / (kTogether * groups) * kTogether + inside % kTogether);
      } else {
        const int64_t left = panels - whole, inside = i - whole * groups;
        k.gradientProduct(a, inside / left, whole + inside % left);
      }
    };
    const int64_t begin = part * parts.size, end = std::min(pixels, begin + parts.size);
    for (a.first = begin; a.first < end; a.first += kPixels) {
      a.last = std::min(end, a.first + kPixels);
      a.adds = a.first > begin;
      forEach(divideUp(divideUp(a.last - a.first, k.perUnit), kernels::kProductBlock),
              [&](int64_t piece) { k.gradientPack(a, piece); });
      forEach(groups * panels, product);
    }
  });
  // Strides as those of the weights, where both describe the same order: nothing is then copied into another layout.
  Tensor gradient = weight.is_contiguous(at::MemoryFormat::ChannelsLast)
                        ? at::empty_like(weight)
                        : at::empty(weight.sizes(), weight.options(), at::MemoryFormat::ChannelsLast);
  forEach(s.outChannels, [&](int64_t i) { k.gradientResult(all, i, pointer<T>(gradient) + i * columns); });
  return gradient;
}

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

struct ConvProducts : torch::autograd::Function<ConvProducts> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const optional<Tensor>& optionalBias,
                        IntArrayRef stride, IntArrayRef padding, bool always) {
    const Tensor bias = orNone(optionalBias);
    ctx->saved_data["wants"] = std::vector<bool>{x.requires_grad(), weight.requires_grad(), bias.defined() && bias.requires_grad()};
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
    const ConvShape s = shapeOf(x, weight, stride, padding);
    const Plan<T> plan(s, always);
    if (!plan.strip && !plan.gather) return at::convolution(x, weight, bias, stride, padding, {1, 1}, false, {0, 0}, 1);
    const Tensor packed = weight.contiguous(at::MemoryFormat::ChannelsLast);
    const Tensor bias32 = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
    return plan.strip ? convolveStrips<T>(x, packed, bias32, s) : convolveGathered<T>(x, packed, bias32, s);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const c10::List<bool> list = ctx->saved_data["wants"].toBoolList();
    const std::array<bool, 3> wants{list[0], list[1], list[2]};
    const std::vector<int64_t> stride = ctx->saved_data["stride"].toIntVector(), padding = ctx->saved_data["padding"].toIntVector();
    const bool always = ctx->saved_data["always"].toBool();
    const Tensor &x = saved[0], &weight = saved[1];
    variable_list g;
    if (at::GradMode::is_enabled()) {
      // A gradient of this gradient is wanted: LibTorch's operator has one.
      g = theirs(gradients[0], x, weight, stride, padding, wants);
    } else {
      const Tensor gy = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
      g = x.scalar_type() == at::kFloat ? ours<float>(gy, x, weight, stride, padding, wants, always)
                                        : ours<uint16_t>(gy, x, weight, stride, padding, wants, always);
    }
    return {g[0], g[1], g[2], Tensor(), Tensor(), Tensor()};
  }

  static variable_list theirs(const Tensor& gy, const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding,
                              std::array<bool, 3> wants) {
    auto [gx, gw, gb] = at::convolution_backward(gy, x, weight, IntArrayRef{weight.size(0)}, stride, padding, {1, 1}, false,
                                                 {0, 0}, 1, wants);
    return {gx, gw, gb};
  }

  template <typename T>
  static variable_list ours(const Tensor& gy, const Tensor& x, const Tensor& weight, IntArrayRef stride, IntArrayRef padding,
                            std::array<bool, 3> wants, bool always) {
    const ConvShape s = shapeOf(x, weight, stride, padding);
    const Plan<T> plan(s, always);
    const bool input = wants[0] && plan.inputGradient, weights = wants[1] && plan.weightGradient;
    variable_list g(3);
    if ((wants[0] && !input) || (wants[1] && !weights)) {
      g = theirs(gy, x, weight, stride, padding, {wants[0] && !input, wants[1] && !weights, false});
    }
    if (input) g[0] = inputGradient<T>(gy, weight.contiguous(at::MemoryFormat::ChannelsLast), s);
    if (weights) g[1] = weightGradient<T>(gy, x, weight, s);
    if (wants[2]) g[2] = at::sum(gy, {0, 2, 3});
    return g;
  }
};

}  // namespace

Tensor packedConv2d(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride, IntArrayRef padding,
              bool always) {
  const bool possible = fits(input, weight, orNone(bias), stride, padding);
  TORCH_CHECK(possible || !always, "input must be channels-last float32 or bfloat16 [N, C, H, W] on the CPU, weight [K, C, KH, KW] ",
              "and bias [K] like it; got ", input.scalar_type(), " ", input.sizes(), " and ", weight.scalar_type(), " ", weight.sizes());
  if (possible) {
    const ConvShape s = shapeOf(input, weight, stride, padding);
    const bool any = input.scalar_type() == at::kFloat ? Plan<float>(s, always).any() : Plan<uint16_t>(s, always).any();
    if (any) return ConvProducts::apply(input, weight, bias, stride, padding, always);
  }
  return at::conv2d(input, weight, bias, stride, padding, {1, 1}, 1);
}

namespace {

// As autocast does for LibTorch's convolutions: operands in its dtype, casts of weights kept until it is left.
Tensor conv2dAutocast(const Tensor& input, const Tensor& weight, const optional<Tensor>& bias, IntArrayRef stride,
                      IntArrayRef padding, bool always) {
  c10::impl::ExcludeDispatchKeyGuard once(c10::DispatchKey::AutocastCPU);
  const auto cast = autocastOnCpu();
  return packedConv2d(cast(input), cast(weight), bias.has_value() ? optional<Tensor>(cast(*bias)) : bias, stride, padding, always);
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def("conv2d(Tensor input, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, bool always=False) -> Tensor", ct::packedConv2d);
}

TORCH_LIBRARY_IMPL(ct, AutocastCPU, m) {
  m.impl("conv2d", ct::conv2dAutocast);
}
