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

// Sums for the gradients of batch norm. g is the gradient before relu: gy where the output is positive. The output's sign
// comes from `y` unless that is null, else from x * scale + shift. Writes g to `masked` unless that is null.
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
  // 1 - beta1 and 1 - beta2 are each rounded once from double
  float gradScale, oneMinusBeta1, beta2, oneMinusBeta2, eps, decayFactor, l2, stepSize, sqrtCorrection2, emaDecay;
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

// Convolutions of 3x3, stride 1, padding 1 (see winograd.inc). Rows of the GEMM's register tiles:
constexpr int kWinogradRows = 6;
// Filters are transformed in blocks of this many values of the GEMM's depth (the summed dimension).
constexpr int64_t kWinogradDepthBlock = 16;

struct WinogradShape {
  int64_t images, height, width, tilesH, tilesW;
};

// The 32-bit lanes (one float32, or a pair of bf16) that a row of `channels` takes, padded to whole vectors.
static inline constexpr int64_t winogradLanes(int64_t channels, int64_t perLane) { return (channels + 15) / 16 * 16 / perLane; }

// One block of the filters for a convolution, or for its gradient of the input (transposed).
template <typename T>
struct WinogradFilters {
  const T* weight;  // [out][3][3][in]
  int64_t inChannels, outChannels;
  bool transposed;
  int64_t depthBlocks;  // of kWinogradDepthBlock; blocks = depthBlocks * panels of columns
  int64_t block;
  void* out;  // [position][panel of columns][lanes of the depth][column in the panel]
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
  void* scratch;         // WinogradKernels::scratch(...) lanes
};

// The gradient of the weights from tiles [first, last).
template <typename T>
struct WinogradGradient {
  const T* x;
  const T* gy;
  WinogradShape shape;
  int64_t inChannels, outChannels;
  int64_t first, last;
  void* images;     // [position][panel of input channels][row of tiles][channel in the panel], in lanes
  void* gradients;  // [position][row of tiles][output channel], in lanes
  float* sums;      // [part of the sum][position][output channel][input channel]; one part in gradientGemm
  int64_t parts, partStep;
  int64_t imagePanel, imageStep, gradientRow, gradientStep, sumRow, sumStep;
  bool adds;
};

template <typename T>
struct WinogradKernels {
  int tileH, tileW, positions;
  int panel;    // columns of a register tile
  int perLane;  // values in a lane: 1 of float32, 2 of bf16
  void (*filters)(const WinogradFilters<T>& block);
  void (*convolve)(const WinogradConvolve<T>& block);
  void (*gradientRows)(const WinogradGradient<T>& block, int64_t row);
  void (*gradientGemm)(const WinogradGradient<T>& block, int64_t position, int64_t panel);
  void (*gradientTaps)(const WinogradGradient<T>& block, int64_t outChannel, T* weight);

  int64_t panels(int64_t columns) const { return (columns + panel - 1) / panel; }
  int64_t scratch(int64_t tiles, int64_t inChannels, int64_t outChannels) const {
    const int64_t rows = (tiles + kWinogradRows - 1) / kWinogradRows * kWinogradRows;
    return positions * (rows * (winogradLanes(inChannels, perLane) + panels(outChannels) * panel) + 32);
  }
};

// Convolutions as GEMMs over packed operands (see gemm_*.inc).
struct ConvShape {
  int64_t images, inChannels, height, width, outChannels, outHeight, outWidth;
  int64_t kernelH, kernelW, strideH, strideW, padH, padW;
  // The order of output pixels: image by image, or the pixels of one position of all images together. The latter have the same
  // taps inside of the image; those in the padding, many in small images, are skipped.
  bool byPosition;
  // Where output pixels lie in an image that may be larger: the first one, and the step to the next ones.
  int64_t placedHeight, placedWidth, top, left, stepH, stepW;
};

// Rows of lanes that are packed together, and output channels whose gradients are computed together.
constexpr int kGemmBlock = 16;

// The gradient of the weights from output pixels [first, last). Channels are multiples of kGemmBlock.
template <typename T>
struct GemmWeightGradient {
  const T* x;
  const T* gy;
  const T* zeros;  // as many as a pixel has channels
  ConvShape shape;
  int64_t first, last;
  int64_t capacity;  // rows of lanes that a panel has room for
  void* columns;     // [panel of columns][row of lanes][column in the panel], a column being a tap of an input channel
  void* gradients;   // [block of output channels][row of lanes][channel in the block]
  float* sums;       // [part of the sum][block of output channels][panel][channel in the block][column in the panel];
                     // one part in gradientGemm
  int64_t parts, partStep;
  bool adds;
};

// Filters as one operand: value `k` of the depth is weight[column * columnStep + row / rowGroup * groupStep + row % rowGroup *
// rowStep + k * depthStep].
template <typename T>
struct GemmFilters {
  const T* weight;
  int64_t columns, rows, depth, rowGroup;
  int64_t columnStep, groupStep, rowStep, depthStep;
  void* out;  // [panel of columns][row][lane of the depth][column in the panel]
};

// Output rows [first, last) of one image. strideW * inChannels values fill whole lanes.
template <typename T>
struct GemmRowBlock {
  const T* x;
  const void* filters;
  const float* bias;  // or null
  T* y;
  ConvShape shape;
  int64_t image, first, last;
  void* scratch;  // rowBlockScratch(...) lanes
};

// Output pixels [first, last); of one position if they are ordered by position. The input's channels fill whole lanes.
template <typename T>
struct GemmIm2col {
  const T* x;
  const void* filters;  // in rows of one tap
  const float* bias;    // or null
  T* y;
  ConvShape shape;
  int64_t first, last;
  void* scratch;  // im2colRowLanes(...) lanes for each pixel, those that fill up a register tile included
};

template <typename T>
struct GemmKernels {
  int perLane;  // values in a lane: 1 of float32, 2 of bf16
  int panel;    // columns of a register tile
  void (*gradientPack)(const GemmWeightGradient<T>& args, int64_t block);
  void (*gradientGemm)(const GemmWeightGradient<T>& block, int64_t group, int64_t panel);
  void (*gradientResult)(const GemmWeightGradient<T>& block, int64_t outChannel, T* weight);
  void (*filters)(const GemmFilters<T>& filters, int64_t panel);
  void (*rowBlock)(const GemmRowBlock<T>& rows);
  void (*im2col)(const GemmIm2col<T>& pixels);

  int64_t panels(int64_t columns) const { return (columns + panel - 1) / panel; }
};

// The lanes of a padded row of the image, with room for a register tile that reaches beyond the last column.
static inline int64_t rowBlockLanes(const ConvShape& s, int64_t perLane) {
  const int64_t reach = (s.outWidth + 7) / 8 * 8 * s.strideW + s.kernelW, padded = s.width + 2 * s.padW;
  return ((reach > padded ? reach : padded) * s.inChannels + perLane - 1) / perLane + 1;
}

static inline int64_t rowBlockScratch(const ConvShape& s, int64_t perLane, int64_t rows) {
  return ((rows - 1) * s.strideH + s.kernelH) * rowBlockLanes(s, perLane);
}

// Rows are an odd number of cache lines apart, or all would map to the same few sets of the cache.
static inline int64_t im2colRowLanes(const ConvShape& s, int64_t perLane) {
  return s.kernelH * s.kernelW * s.inChannels / perLane / 32 * 32 + 48;
}

struct Kernels {
  const char* name;
  BatchNormKernels<float> batchNormF32;
  BatchNormKernels<uint16_t> batchNormBf16;
  PoolKernels<float> poolF32;
  PoolKernels<uint16_t> poolBf16;
  WinogradKernels<float> winogradF32;
  WinogradKernels<uint16_t> winogradBf16;
  GemmKernels<float> gemmF32;
  GemmKernels<uint16_t> gemmBf16;
  void (*adam)(const AdamArgs& args);
  void (*sgd)(const SgdArgs& args);
  double (*sumOfSquares)(const float* g, int64_t count);
  void (*scaleInPlace)(float* g, int64_t count, float factor);
  // y[i] = x[i] * scale[c] + shift[c] for pixels of `channels` (1, 3 or 4) bytes
  void (*normalizeF32)(const uint8_t* x, int64_t pixels, int64_t channels, const float* scale, const float* shift, float* y);
  void (*normalizeBf16)(const uint8_t* x, int64_t pixels, int64_t channels, const float* scale, const float* shift,
                        uint16_t* y);
};

// The fastest of the compiled sets that this processor can run, or the one that CT_KERNELS names; warns of an unknown name.
const Kernels& best();

// Whether Winograd's algorithm with the best kernels is faster than LibTorch's convolutions on this processor, for shapes
// that suit it.
bool winogradIsFast(bool bf16);

// The same for GEMMs over packed operands: with AVX-512, and in bf16 with its dot products and without a matrix unit.
bool gemmIsFast(bool bf16);

}  // namespace kernels
}  // namespace ct
