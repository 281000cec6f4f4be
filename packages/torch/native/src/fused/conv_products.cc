#include "conv_products.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <array>

#include "conv_plan.h"
#include "operands.h"

namespace ct {

using at::Tensor;
using kernels::ConvShape;

namespace {

template <typename T>
const kernels::ProductsKernels<T>& table() {
  return setFor<T>(kernels::best().productsF32, kernels::best().productsBf16);
}

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
void gatherAll(const Tensor& x, const Tensor& filters, const Tensor& bias, const ConvShape& s, const Tensor& y) {
  const kernels::ProductsKernels<T>& k = table<T>();
  // Few pixels in a block where each is much work, so that threads end together.
  const int64_t size = s.inChannels * s.outChannels * s.kernelH * s.kernelW < 1 << 19 ? 48 : 16;
  // Pixels are taken from one position at a time, or from all.
  const int64_t pixels = s.byPosition ? s.images : outputPixels(s), runs = s.byPosition ? s.outHeight * s.outWidth : 1;
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

}  // namespace

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
Tensor convolveGathered(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvShape& s) {
  Tensor y = at::empty({s.images, s.outChannels, s.outHeight, s.outWidth}, x.options(), at::MemoryFormat::ChannelsLast);
  gatherAll<T>(x, packFilters<T>(weight, s.kernelH * s.kernelW), bias, s, y);
  return y;
}

template <typename T>
Tensor convInputGradient(const Tensor& gy, const Tensor& weight, const ConvShape& s) {
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
Tensor convWeightGradient(const Tensor& gy, const Tensor& x, const Tensor& weight, const ConvShape& s) {
  constexpr int64_t kPixels = 512;
  const kernels::ProductsKernels<T>& k = table<T>();
  const int64_t pixels = outputPixels(s);
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

template Tensor convolveStrips<float>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convolveGathered<float>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convInputGradient<float>(const Tensor&, const Tensor&, const ConvShape&);
template Tensor convWeightGradient<float>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convolveStrips<uint16_t>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convolveGathered<uint16_t>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convInputGradient<uint16_t>(const Tensor&, const Tensor&, const ConvShape&);
template Tensor convWeightGradient<uint16_t>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);

}  // namespace ct
