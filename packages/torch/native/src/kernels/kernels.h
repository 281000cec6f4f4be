// The inner loops of the fused operators: plain functions over pointers, compiled once per instruction set.
// Images are channels-last: `rows` pixels of `channels` values each. bf16 is passed as uint16_t.
#pragma once

#include <cstdint>

namespace ct {
namespace kernels {

// y = relu?(x * scale + shift (+ residual)), all per channel.
template <typename T>
struct ApplyArgs {
  const T* x;
  const T* residual;  // or null
  const float* scale;
  const float* shift;
  T* y;
  int64_t rows;
  int64_t channels;
  bool relu;
};

// Sums for the gradients of batch norm. g is the gradient behind relu: gy where the output is positive. The output's
// sign comes from `y` when there is one, else from x * scale + shift. Writes g to `masked` unless that is null.
template <typename T>
struct ReduceArgs {
  const T* gy;
  const T* x;
  const T* y;
  const float* scale;
  const float* shift;
  const float* mean;
  T* masked;
  double* sumG;    // += sum of g
  double* sumGx;   // += sum of g * (x - mean)
  int64_t rows;
  int64_t channels;
  bool relu;
};

// gx = a * g + b * x + c, per channel; g as in ReduceArgs.
template <typename T>
struct GradArgs {
  const T* gy;
  const T* x;
  const T* y;
  const float* scale;
  const float* shift;
  const float* a;
  const float* b;
  const float* c;
  T* gx;
  int64_t rows;
  int64_t channels;
  bool relu;
};

template <typename T>
struct BatchNormKernels {
  // sum += x - pivot, sumSquares += (x - pivot)^2, per channel
  void (*stats)(const T* x, const float* pivot, int64_t rows, int64_t channels, double* sum, double* sumSquares);
  void (*apply)(const ApplyArgs<T>& args);
  void (*reduce)(const ReduceArgs<T>& args);
  void (*grad)(const GradArgs<T>& args);
};

struct PoolShape {
  int64_t height, width, channels, outHeight, outWidth;
  int64_t kernelH, kernelW, strideH, strideW, padH, padW;
};

// The outputs [first, last] whose window covers each input row or column.
struct Coverage {
  const int32_t* first;
  const int32_t* last;
};

template <typename T>
struct PoolKernels {
  // One row of outputs of one image; `index` says which position of the window was the largest.
  void (*forward)(const T* image, const PoolShape& shape, int64_t outRow, T* y, uint8_t* index);
  // One row of input gradients of one image, gathered from the windows that cover it.
  void (*backward)(const T* gy, const uint8_t* index, const PoolShape& shape, Coverage rows, Coverage columns, int64_t row,
                   T* gx);
};

struct AdamArgs {
  float* p;
  const float* g;
  float* m;
  float* v;
  float* ema;  // or null
  int64_t count;
  // share1 = 1 - beta1, share2 = 1 - beta2, each rounded once from double
  float gradScale, share1, beta2, share2, eps, decayFactor, l2, stepSize, sqrtCorrection2, emaDecay;
};

struct SgdArgs {
  float* p;
  const float* g;
  float* momentum;  // or null
  float* ema;       // or null
  int64_t count;
  float gradScale, lr, weightDecay, mu, oneMinusDampening, emaDecay;
  bool firstStep, nesterov;
};

// Convolutions of 3x3, stride 1, padding 1 (see winograd.inc). Rows of the matrix products' register tiles:
constexpr int kWinogradRows = 6;
// Filters are transformed in pieces of so many numbers of the sum.
constexpr int64_t kWinogradPiece = 16;

struct WinogradShape {
  int64_t images, height, width, tilesH, tilesW;
};

// The units (numbers, or pairs of them) that a row of `channels` takes, with room for whole vectors.
static inline constexpr int64_t winogradUnits(int64_t channels, int64_t perUnit) { return (channels + 15) / 16 * 16 / perUnit; }

// One piece of the filters for a convolution, or for its gradient of the input (transposed).
template <typename T>
struct WinogradFilters {
  const T* weight;  // [out][3][3][in]
  int64_t inChannels, outChannels;
  bool transposed;
  int64_t sumPieces;  // pieces of kWinogradPiece in the sum; pieces = sumPieces * panels of columns
  int64_t piece;
  void* out;  // [position][panel of columns][units of the sum][column in the panel]
};

template <typename T>
struct WinogradConvolve {
  const T* x;
  const void* filters;
  const float* bias;  // or null
  T* y;
  WinogradShape shape;
  int64_t inChannels, outChannels;
  int64_t first, count;  // tiles
  void* scratch;         // WinogradKernels::scratch(...) units of 4 bytes
};

// The gradient of the weights from tiles [first, last).
template <typename T>
struct WinogradGradient {
  const T* x;
  const T* gy;
  WinogradShape shape;
  int64_t inChannels, outChannels;
  int64_t first, last;
  void* images;     // [position][panel of input channels][row of tiles][channel in the panel], in units
  void* gradients;  // [position][row of tiles][output channel], in units
  float* sums;      // [part of the sum][position][output channel][input channel]; of one part in its products
  int64_t parts, partStep;
  int64_t imagePanel, imageStep, gradientRow, gradientStep, sumRow, sumStep;
  bool adds;
};

template <typename T>
struct WinogradKernels {
  int tileH, tileW, positions;
  int panel;    // columns of a register tile
  int perUnit;  // numbers in a unit of the products: 1 of float32, 2 of bf16
  void (*filters)(const WinogradFilters<T>& piece);
  void (*convolve)(const WinogradConvolve<T>& block);
  void (*gradientRows)(const WinogradGradient<T>& block, int64_t row);
  void (*gradientProduct)(const WinogradGradient<T>& block, int64_t position, int64_t panel);
  void (*gradientTaps)(const WinogradGradient<T>& block, int64_t outChannel, T* weight);

  int64_t panels(int64_t columns) const { return (columns + panel - 1) / panel; }
  int64_t scratch(int64_t tiles, int64_t inChannels, int64_t outChannels) const {
    const int64_t rows = (tiles + kWinogradRows - 1) / kWinogradRows * kWinogradRows;
    return positions * (rows * (winogradUnits(inChannels, perUnit) + panels(outChannels) * panel) + 32);
  }
};

// Convolutions as matrix products over packed operands (see product_*.inc).
struct ConvShape {
  int64_t images, inChannels, height, width, outChannels, outHeight, outWidth;
  int64_t kernelH, kernelW, strideH, strideW, padH, padW;
  // The order in which output pixels are numbered: image by image, or the pixels of one position of all images together.
  // Those see the same taps inside of the image, and the others, many in small images, need no multiplications.
  bool byPosition;
  // Where output pixels are in an image that may be larger: the first one, and how far the next ones are.
  int64_t placedHeight, placedWidth, top, left, stepH, stepW;
};

// Rows of units that are packed together, and output channels whose gradients are computed together.
constexpr int kProductBlock = 16;

// The gradient of the weights from output pixels [first, last). Channels are multiples of kProductBlock.
template <typename T>
struct ProductsGradient {
  const T* x;
  const T* gy;
  const T* zeros;  // as many as a pixel has channels
  ConvShape shape;
  int64_t first, last;
  int64_t capacity;  // rows of units that a panel has room for
  void* columns;     // [panel of columns][row of units][column in the panel], a column being a tap of an input channel
  void* gradients;   // [block of output channels][row of units][channel in the block]
  float* sums;       // [part of the sum][block of output channels][panel][channel in the block][column in the panel]; of
                     // one part in its products
  int64_t parts, partStep;
  bool adds;
};

// Filters as one operand: a number of the sum at weight[column * columnStep + row / rowGroup * groupStep + row % rowGroup *
// rowStep + number * numberStep].
template <typename T>
struct ProductsFilters {
  const T* weight;
  int64_t columns, rows, numbers, rowGroup;
  int64_t columnStep, groupStep, rowStep, numberStep;
  void* out;  // [panel of columns][row][unit of the numbers][column in the panel]
};

// Output rows [first, last) of one image. The channels of a row's step, strideW * inChannels, are whole units.
template <typename T>
struct ProductsStrip {
  const T* x;
  const void* filters;
  const float* bias;  // or null
  T* y;
  ConvShape shape;
  int64_t image, first, last;
  void* scratch;  // stripScratch(...) units of 4 bytes
};

// Output pixels [first, last), by position only of one. The input's channels are whole units.
template <typename T>
struct ProductsGather {
  const T* x;
  const void* filters;  // in rows of one tap
  const float* bias;    // or null
  T* y;
  ConvShape shape;
  int64_t first, last;
  void* scratch;  // gatherRowUnits(...) units of 4 bytes for each pixel, and for those that fill up a register tile
};

template <typename T>
struct ProductsKernels {
  int perUnit;  // numbers in a unit of the products: 1 of float32, 2 of bf16
  int panel;    // columns of a register tile
  void (*gradientPack)(const ProductsGradient<T>& block, int64_t piece);
  void (*gradientProduct)(const ProductsGradient<T>& block, int64_t group, int64_t panel);
  void (*gradientResult)(const ProductsGradient<T>& block, int64_t outChannel, T* weight);
  void (*filters)(const ProductsFilters<T>& filters, int64_t panel);
  void (*strip)(const ProductsStrip<T>& strip);
  void (*gather)(const ProductsGather<T>& pixels);

  int64_t panels(int64_t columns) const { return (columns + panel - 1) / panel; }
};

// The units of a padded row of the image, with room for a register tile that reaches beyond the last column.
static inline int64_t stripRowUnits(const ConvShape& s, int64_t perUnit) {
  const int64_t reach = (s.outWidth + 7) / 8 * 8 * s.strideW + s.kernelW, padded = s.width + 2 * s.padW;
  return ((reach > padded ? reach : padded) * s.inChannels + perUnit - 1) / perUnit + 1;
}

static inline int64_t stripScratch(const ConvShape& s, int64_t perUnit, int64_t rows) {
  return ((rows - 1) * s.strideH + s.kernelH) * stripRowUnits(s, perUnit);
}

// Rows lie an odd number of cache lines apart, or all would fall into the same few sets of the cache.
static inline int64_t gatherRowUnits(const ConvShape& s, int64_t perUnit) {
  return s.kernelH * s.kernelW * s.inChannels / perUnit / 32 * 32 + 48;
}

struct Kernels {
  const char* name;
  BatchNormKernels<float> batchNormF32;
  BatchNormKernels<uint16_t> batchNormBf16;
  PoolKernels<float> poolF32;
  PoolKernels<uint16_t> poolBf16;
  WinogradKernels<float> winogradF32;
  WinogradKernels<uint16_t> winogradBf16;
  ProductsKernels<float> productsF32;
  ProductsKernels<uint16_t> productsBf16;
  void (*adam)(const AdamArgs& args);
  void (*sgd)(const SgdArgs& args);
  double (*sumOfSquares)(const float* g, int64_t count);
  void (*scaleInPlace)(float* g, int64_t count, float factor);
  // y[i] = x[i] * scale[c] + shift[c] for pixels of `channels` (1, 3 or 4) bytes
  void (*normalizeF32)(const uint8_t* x, int64_t pixels, int64_t channels, const float* scale, const float* shift, float* y);
  void (*normalizeBf16)(const uint8_t* x, int64_t pixels, int64_t channels, const float* scale, const float* shift,
                        uint16_t* y);
};

// The fastest of the compiled sets that this processor can run, or the one that CT_KERNELS names; warns if there is none.
const Kernels& best();

// Whether Winograd's algorithm with the best kernels is faster than LibTorch's convolutions on this processor, for shapes
// that suit it.
bool winogradIsFast(bool bf16);

// The same of the products of packed operands: with AVX-512, and in bf16 with dot products of it and no matrix unit.
bool productsAreFast(bool bf16);

}  // namespace kernels
}  // namespace ct
