#include "conv_gemm.h"

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
const kernels::GemmKernels<T>& table() {
  return setFor<T>(kernels::best().gemmF32, kernels::best().gemmBf16);
}

template <typename T>
Tensor pack(kernels::GemmFilters<T> f) {
  const kernels::GemmKernels<T>& k = table<T>();
  const Tensor packed = workspace(k.panels(f.columns) * f.rows * divideUp(f.depth, k.perLane) * k.panel);
  f.out = packed.data_ptr();
  forEach(k.panels(f.columns), [&](int64_t panel) { k.filters(f, panel); });
  return packed;
}

// The filters [Out, KH, KW, In] with `rows` rows: of the taps of an image row, or of one tap each.
template <typename T>
Tensor packFilters(const Tensor& weight, int64_t rows) {
  const int64_t out = weight.size(0), all = weight.size(1) * weight.size(2) * weight.size(3), row = all / rows;
  return pack<T>({pointer<T>(weight), out, rows, row, rows, all, 0, row, 1, nullptr});
}

template <typename T>
void im2colGemm(const Tensor& x, const Tensor& filters, const Tensor& bias, const ConvShape& s, const Tensor& y) {
  const kernels::GemmKernels<T>& k = table<T>();
  // Smaller blocks where a pixel is more work, so that threads finish together.
  const int64_t size = s.inChannels * s.outChannels * s.kernelH * s.kernelW < 1 << 19 ? 48 : 16;
  // A block has pixels of one position, or of all.
  const int64_t pixels = s.byPosition ? s.images : outputPixels(s), runs = s.byPosition ? s.outHeight * s.outWidth : 1;
  const int64_t blocks = divideUp(pixels, size);
  parallelFor(runs * blocks, [&](int64_t begin, int64_t end) {
    const Tensor scratch = workspace(size * kernels::im2colRowLanes(s, k.perLane));
    for (int64_t i = begin; i < end; i++) {
      const int64_t run = i / blocks * pixels, first = i % blocks * size;
      k.im2col({pointer<T>(x), filters.data_ptr(), pointer<float>(bias), pointer<T>(y), s, run + first,
                run + std::min(first + size, pixels), scratch.data_ptr()});
    }
  });
}

// One dimension of the gradient of a strided convolution's input: every stride-th pixel, from `first` on, is a stride-1
// convolution of the gradient of the output by every stride-th tap, from `tap` on, flipped.
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
Tensor convolveRowBlocks(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvShape& s) {
  constexpr int64_t kRows = 8;
  const kernels::GemmKernels<T>& k = table<T>();
  const Tensor filters = packFilters<T>(weight, s.kernelH);
  Tensor y = at::empty({s.images, s.outChannels, s.outHeight, s.outWidth}, x.options(), at::MemoryFormat::ChannelsLast);
  const int64_t rowBlocks = divideUp(s.outHeight, kRows);
  parallelFor(s.images * rowBlocks, [&](int64_t begin, int64_t end) {
    const Tensor scratch = workspace(kernels::rowBlockScratch(s, k.perLane, kRows));
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % rowBlocks * kRows;
      k.rowBlock({pointer<T>(x), filters.data_ptr(), pointer<float>(bias), pointer<T>(y), s, i / rowBlocks, first,
               std::min(first + kRows, s.outHeight), scratch.data_ptr()});
    }
  });
  return y;
}

template <typename T>
Tensor convolveIm2col(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvShape& s) {
  Tensor y = at::empty({s.images, s.outChannels, s.outHeight, s.outWidth}, x.options(), at::MemoryFormat::ChannelsLast);
  im2colGemm<T>(x, packFilters<T>(weight, s.kernelH * s.kernelW), bias, s, y);
  return y;
}

template <typename T>
Tensor convInputGradient(const Tensor& gy, const Tensor& weight, const ConvShape& s) {
  const std::array<int64_t, 4> sizes{s.images, s.inChannels, s.height, s.width};
  const Tensor gx = at::empty(sizes, gy.options(), at::MemoryFormat::ChannelsLast);
  // No tap covers some pixels.
  if (s.kernelH < s.strideH || s.kernelW < s.strideW) gx.zero_();
  for (int64_t i = 0; i < s.strideH * s.strideW; i++) {
    const Phase h(i / s.strideW, s.height, s.kernelH, s.strideH, s.padH), w(i % s.strideW, s.width, s.kernelW, s.strideW, s.padW);
    const int64_t in = s.inChannels, taps = h.taps * w.taps;
    if (taps * h.pixels * w.pixels == 0) continue;
    ConvShape phase{s.images, s.outChannels, s.outHeight, s.outWidth, in,      h.pixels, w.pixels,
                    h.taps,   w.taps,        1,           1,          h.pad,   w.pad,    false,
                    s.height, s.width,       h.first,     w.first,    s.strideH, s.strideW};
    orderPixels(phase);
    const int64_t last = (h.tap + (h.taps - 1) * s.strideH) * s.kernelW + w.tap + (w.taps - 1) * s.strideW;
    const Tensor filters = pack<T>({pointer<T>(weight) + last * in, in, taps, s.outChannels, w.taps, 1,
                                    -s.strideH * s.kernelW * in, -s.strideW * in, s.kernelH * s.kernelW * in, nullptr});
    im2colGemm<T>(gy, filters, Tensor(), phase, gx);
  }
  return gx;
}

// A part of the sum adds one block of pixels after the other, each in two steps that may be parallel: the order of additions is
// the same with any number of threads.
template <typename T>
Tensor convWeightGradient(const Tensor& gy, const Tensor& x, const Tensor& weight, const ConvShape& s) {
  constexpr int64_t kPixels = 512;
  const kernels::GemmKernels<T>& k = table<T>();
  const int64_t pixels = outputPixels(s);
  if (pixels == 0) return at::zeros_like(weight);
  const int64_t columns = s.kernelH * s.kernelW * s.inChannels, panels = k.panels(columns);
  const int64_t groups = s.outChannels / kernels::kGemmBlock;
  kernels::GemmWeightGradient<T> all{};
  all.x = pointer<T>(x);
  all.gy = pointer<T>(gy);
  all.shape = s;
  // One row more than a power of two, or panels would map to a few sets of the cache.
  all.capacity = divideUp(std::min(kPixels, pixels), k.perLane) + 1;
  all.partStep = s.outChannels * panels * k.panel;
  const SumParts parts(pixels, all.partStep);
  all.parts = parts.count;
  const Tensor zeros = at::zeros({std::max(s.inChannels, s.outChannels)}, x.options());
  const Tensor sums = workspace(parts.count * all.partStep);
  all.zeros = pointer<T>(zeros);
  all.sums = pointer<float>(sums);
  forParts(parts.count, [&](int64_t part) {
    kernels::GemmWeightGradient<T> a = all;
    const Tensor packedColumns = workspace(panels * a.capacity * k.panel);
    const Tensor packedGradients = workspace(groups * a.capacity * kernels::kGemmBlock);
    a.columns = packedColumns.data_ptr();
    a.gradients = packedGradients.data_ptr();
    a.sums += part * a.partStep;
    // Blocked for the L2 cache: four panels stay in it while all groups are multiplied by them.
    constexpr int64_t kTogether = 4;
    const int64_t whole = panels / kTogether * kTogether;
    const auto gemm = [&](int64_t i) {
      if (i < whole * groups) {
        const int64_t inside = i % (kTogether * groups);
        k.gradientGemm(a, inside / kTogether, i / (kTogether * groups) * kTogether + inside % kTogether);
      } else {
        const int64_t left = panels - whole, inside = i - whole * groups;
        k.gradientGemm(a, inside / left, whole + inside % left);
      }
    };
    const int64_t begin = part * parts.size, end = std::min(pixels, begin + parts.size);
    for (a.first = begin; a.first < end; a.first += kPixels) {
      a.last = std::min(end, a.first + kPixels);
      a.adds = a.first > begin;
      forEach(divideUp(divideUp(a.last - a.first, k.perLane), kernels::kGemmBlock),
              [&](int64_t block) { k.gradientPack(a, block); });
      forEach(groups * panels, gemm);
    }
  });
  // With the strides of the weights where both describe the same order, so that autograd need not copy the gradient.
  Tensor gradient = weight.is_contiguous(at::MemoryFormat::ChannelsLast)
                        ? at::empty_like(weight)
                        : at::empty(weight.sizes(), weight.options(), at::MemoryFormat::ChannelsLast);
  forEach(s.outChannels, [&](int64_t i) { k.gradientResult(all, i, pointer<T>(gradient) + i * columns); });
  return gradient;
}

template Tensor convolveRowBlocks<float>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convolveIm2col<float>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convInputGradient<float>(const Tensor&, const Tensor&, const ConvShape&);
template Tensor convWeightGradient<float>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convolveRowBlocks<uint16_t>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convolveIm2col<uint16_t>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);
template Tensor convInputGradient<uint16_t>(const Tensor&, const Tensor&, const ConvShape&);
template Tensor convWeightGradient<uint16_t>(const Tensor&, const Tensor&, const Tensor&, const ConvShape&);

}  // namespace ct
