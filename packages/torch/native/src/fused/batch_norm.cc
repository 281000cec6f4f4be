// ct::batch_norm_act: batch norm, then + residual, then relu, over channels-last images on the CPU.
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
using c10::optional;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Chunks do not depend on the number of threads, and their sums are added in order: results have the same bits with any number
// of threads.
struct Chunks {
  int64_t rows;
  int64_t size;
  int64_t count;

  explicit Chunks(int64_t rows) : rows(rows), size(std::max<int64_t>(256, (rows + 127) / 128)), count((rows + size - 1) / size) {}
  int64_t begin(int64_t chunk) const { return chunk * size; }
  int64_t length(int64_t chunk) const { return std::min(size, rows - begin(chunk)); }
};

template <typename T>
const kernels::BatchNormKernels<T>& table() {
  return setFor<T>(kernels::best().batchNormF32, kernels::best().batchNormBf16);
}

void checkImages(const Tensor& x, const char* name) {
  TORCH_CHECK(x.dim() == 4, name, ": expected [N, C, H, W], received ", x.sizes());
  TORCH_CHECK(x.device().is_cpu(), name, ": expected a tensor on the CPU, received ", x.device());
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, name,
              ": expected float32 or bfloat16, received ", x.scalar_type());
  TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast), name, ": expected channels-last memory format");
}

void checkChannels(const Tensor& v, int64_t channels, const char* name) {
  TORCH_CHECK(v.scalar_type() == at::kFloat && v.is_contiguous() && v.numel() == channels, name, ": expected float32 [",
              channels, "], received ", v.scalar_type(), " ", v.sizes());
}

struct Sums {
  std::vector<double> first;
  std::vector<double> second;
};

// Runs `body(chunk, first, second)` for all chunks in parallel, and adds their sums in order.
template <typename Body>
Sums sumChunks(const Chunks& chunks, int64_t channels, const Body& body) {
  std::vector<double> partial(static_cast<size_t>(chunks.count * channels * 2), 0.0);
  parallelFor(chunks.count, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; chunk++) {
      double* sums = partial.data() + chunk * channels * 2;
      body(chunk, sums, sums + channels);
    }
  });
  Sums total{std::vector<double>(channels, 0.0), std::vector<double>(channels, 0.0)};
  for (int64_t chunk = 0; chunk < chunks.count; chunk++) {
    const double* sums = partial.data() + chunk * channels * 2;
    for (int64_t c = 0; c < channels; c++) {
      total.first[c] += sums[c];
      total.second[c] += sums[channels + c];
    }
  }
  return total;
}

struct Normalization {
  Tensor mean, invstd, scale, shift;
};

Tensor channelVector(int64_t channels) {
  return at::empty({channels}, at::TensorOptions(at::kFloat));
}

void fold(Normalization& n, int64_t c, double mean, double invstd, const float* weight, const float* bias) {
  const double scale = (weight != nullptr ? weight[c] : 1.0) * invstd;
  pointer<float>(n.mean)[c] = static_cast<float>(mean);
  pointer<float>(n.invstd)[c] = static_cast<float>(invstd);
  pointer<float>(n.scale)[c] = static_cast<float>(scale);
  pointer<float>(n.shift)[c] = static_cast<float>((bias != nullptr ? bias[c] : 0.0) - mean * scale);
}

// As LibTorch: a constant channel becomes 0 when eps is 0 too.
double inverseDeviation(double variance, double eps) {
  return variance == 0 && eps == 0 ? 0.0 : 1.0 / std::sqrt(variance + eps);
}

template <typename T>
Normalization batchStatistics(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& runningMean,
                              const Tensor& runningVar, double momentum, double eps) {
  const int64_t channels = x.size(1);
  const Chunks chunks(x.numel() / channels);
  const T* data = pointer<T>(x);
  // Differences from a pivot (the first pixel) avoid the cancellation of plain sums of squares.
  Tensor pivot = channelVector(channels);
  {
    std::fill_n(pointer<float>(pivot), channels, 0.0f);
    std::vector<double> first(channels, 0.0), squares(channels, 0.0);
    table<T>().stats(data, pointer<float>(pivot), 1, channels, first.data(), squares.data());
    for (int64_t c = 0; c < channels; c++) pointer<float>(pivot)[c] = static_cast<float>(first[c]);
  }
  const Sums sums = sumChunks(chunks, channels, [&](int64_t chunk, double* sum, double* squares) {
    table<T>().stats(data + chunks.begin(chunk) * channels, pointer<float>(pivot), chunks.length(chunk), channels, sum, squares);
  });
  Normalization n{channelVector(channels), channelVector(channels), channelVector(channels), channelVector(channels)};
  const double count = static_cast<double>(chunks.rows);
  for (int64_t c = 0; c < channels; c++) {
    const double shift = sums.first[c] / count;
    const double mean = pointer<float>(pivot)[c] + shift;
    const double variance = std::max(0.0, sums.second[c] / count - shift * shift);
    fold(n, c, mean, inverseDeviation(variance, eps), pointer<float>(weight), pointer<float>(bias));
    if (runningMean.defined()) {
      float& value = pointer<float>(runningMean)[c];
      value = static_cast<float>((1 - momentum) * value + momentum * mean);
    }
    if (runningVar.defined()) {
      float& value = pointer<float>(runningVar)[c];
      value = static_cast<float>((1 - momentum) * value + momentum * variance * count / (count - 1));
    }
  }
  return n;
}

Normalization runningStatistics(const Tensor& weight, const Tensor& bias, const Tensor& runningMean,
                                const Tensor& runningVar, double eps) {
  const int64_t channels = runningMean.numel();
  Normalization n{channelVector(channels), channelVector(channels), channelVector(channels), channelVector(channels)};
  for (int64_t c = 0; c < channels; c++) {
    const double invstd = 1.0 / std::sqrt(static_cast<double>(pointer<float>(runningVar)[c]) + eps);
    fold(n, c, pointer<float>(runningMean)[c], invstd, pointer<float>(weight), pointer<float>(bias));
  }
  return n;
}

template <typename T>
Tensor applyNormalization(const Tensor& x, const Normalization& n, const Tensor& residual, bool relu) {
  Tensor y = at::empty_like(x);
  const int64_t channels = x.size(1);
  const Chunks chunks(x.numel() / channels);
  parallelFor(chunks.count, [&](int64_t begin, int64_t end) {
    const int64_t offset = chunks.begin(begin) * channels;
    const int64_t rows = std::min(chunks.begin(end), chunks.rows) - chunks.begin(begin);
    table<T>().apply({pointer<T>(x) + offset, residual.defined() ? pointer<T>(residual) + offset : nullptr,
                      pointer<float>(n.scale), pointer<float>(n.shift), pointer<T>(y) + offset, rows, channels, relu});
  });
  return y;
}

template <typename T>
variable_list inputGradients(const Tensor& gy, const Tensor& x, const Tensor& y, const Normalization& n, bool training,
                             bool relu, bool wantsX, bool wantsResidual) {
  const int64_t channels = x.size(1);
  const Chunks chunks(x.numel() / channels);
  // With a residual, the gradient before relu is the residual's gradient too; the second pass reads it instead of gy and y.
  Tensor masked = wantsResidual && relu ? at::empty_like(x) : Tensor();
  const Sums sums = sumChunks(chunks, channels, [&](int64_t chunk, double* sumG, double* sumGx) {
    const int64_t offset = chunks.begin(chunk) * channels;
    table<T>().reduce({pointer<T>(gy) + offset, pointer<T>(x) + offset, y.defined() ? pointer<T>(y) + offset : nullptr,
                       pointer<float>(n.scale), pointer<float>(n.shift), pointer<float>(n.mean),
                       masked.defined() ? pointer<T>(masked) + offset : nullptr, sumG, sumGx, chunks.length(chunk),
                       channels, relu});
  });
  Tensor gradWeight = channelVector(channels), gradBias = channelVector(channels);
  Tensor a = channelVector(channels), b = channelVector(channels), c = channelVector(channels);
  const double count = static_cast<double>(chunks.rows);
  for (int64_t i = 0; i < channels; i++) {
    const double invstd = pointer<float>(n.invstd)[i];
    const double scale = pointer<float>(n.scale)[i];
    pointer<float>(gradWeight)[i] = static_cast<float>(sums.second[i] * invstd);
    pointer<float>(gradBias)[i] = static_cast<float>(sums.first[i]);
    const double slope = training ? -scale * invstd * invstd * sums.second[i] / count : 0.0;
    pointer<float>(a)[i] = static_cast<float>(scale);
    pointer<float>(b)[i] = static_cast<float>(slope);
    pointer<float>(c)[i] =
        static_cast<float>(training ? -scale * sums.first[i] / count - slope * pointer<float>(n.mean)[i] : 0.0);
  }
  Tensor gx;
  if (wantsX) {
    gx = at::empty_like(x);
    const Tensor& g = masked.defined() ? masked : gy;
    const bool stillMasks = relu && !masked.defined();
    parallelFor(chunks.count, [&](int64_t begin, int64_t end) {
      const int64_t offset = chunks.begin(begin) * channels;
      const int64_t rows = std::min(chunks.begin(end), chunks.rows) - chunks.begin(begin);
      table<T>().grad({pointer<T>(g) + offset, pointer<T>(x) + offset,
                       stillMasks && y.defined() ? pointer<T>(y) + offset : nullptr, pointer<float>(n.scale),
                       pointer<float>(n.shift), pointer<float>(a), pointer<float>(b), pointer<float>(c),
                       pointer<T>(gx) + offset, rows, channels, stillMasks});
    });
  }
  Tensor gradResidual = !wantsResidual ? Tensor() : masked.defined() ? masked : gy;
  return {gx, gradWeight, gradBias, gradResidual};
}

struct BatchNormAct : torch::autograd::Function<BatchNormAct> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const optional<Tensor>& optionalWeight,
                        const optional<Tensor>& optionalBias, const optional<Tensor>& optionalResidual,
                        const optional<Tensor>& optionalMean, const optional<Tensor>& optionalVar, bool training,
                        double momentum, double eps, bool relu) {
    const Tensor weight = orNone(optionalWeight), bias = orNone(optionalBias), residual = orNone(optionalResidual);
    const Tensor runningMean = orNone(optionalMean), runningVar = orNone(optionalVar);
    checkImages(x, "input");
    const int64_t channels = x.size(1);
    TORCH_CHECK(x.numel() > 0, "input: expected elements, received an empty tensor");
    TORCH_CHECK(!training || x.numel() / channels > 1, "Expected more than 1 value per channel when training, got input size ",
                x.sizes());
    if (weight.defined()) checkChannels(weight, channels, "weight");
    if (bias.defined()) checkChannels(bias, channels, "bias");
    if (runningMean.defined()) checkChannels(runningMean, channels, "running_mean");
    if (runningVar.defined()) checkChannels(runningVar, channels, "running_var");
    TORCH_CHECK(training || (runningMean.defined() && runningVar.defined()), "running_mean and running_var are required in evaluation mode");
    if (residual.defined()) {
      checkImages(residual, "residual");
      TORCH_CHECK(residual.sizes() == x.sizes() && residual.scalar_type() == x.scalar_type(), "residual: expected ",
                  x.scalar_type(), " ", x.sizes(), ", received ", residual.scalar_type(), " ", residual.sizes());
    }
    const bool isFloat = x.scalar_type() == at::kFloat;
    Normalization n;
    if (!training) {
      n = runningStatistics(weight, bias, runningMean, runningVar, eps);
    } else if (isFloat) {
      n = batchStatistics<float>(x, weight, bias, runningMean, runningVar, momentum, eps);
    } else {
      n = batchStatistics<uint16_t>(x, weight, bias, runningMean, runningVar, momentum, eps);
    }
    if (training) {
      // In-place changes of the running statistics, for autograd's version counters.
      if (runningMean.defined()) runningMean.unsafeGetTensorImpl()->bump_version();
      if (runningVar.defined()) runningVar.unsafeGetTensorImpl()->bump_version();
    }
    Tensor y = isFloat ? applyNormalization<float>(x, n, residual, relu) : applyNormalization<uint16_t>(x, n, residual, relu);
    ctx->saved_data["training"] = training;
    ctx->saved_data["relu"] = relu;
    ctx->saved_data["wantsX"] = x.requires_grad();
    ctx->saved_data["wantsResidual"] = residual.defined() && residual.requires_grad();
    ctx->saved_data["weight"] = weight.defined();
    ctx->saved_data["bias"] = bias.defined();
    ctx->saved_data["eps"] = eps;
    ctx->save_for_backward({x, relu && residual.defined() ? y : Tensor(), n.mean, n.invstd, n.scale, n.shift, weight});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const Normalization n{saved[2], saved[3], saved[4], saved[5]};
    const bool training = ctx->saved_data["training"].toBool();
    const bool relu = ctx->saved_data["relu"].toBool();
    const bool wantsResidual = ctx->saved_data["wantsResidual"].toBool();
    const bool wantsX = ctx->saved_data["wantsX"].toBool();
    variable_list g;
    if (at::GradMode::is_enabled()) {
      // Double backward (createGraph).
      g = batchNormGradients(gradients[0], {x, saved[1], saved[6], n.mean, n.invstd, n.scale, n.shift, training, relu,
                                            ctx->saved_data["eps"].toDouble()});
      if (!wantsX) g[0] = Tensor();
      if (!wantsResidual) g[3] = Tensor();
    } else {
      const Tensor gy = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
      g = x.scalar_type() == at::kFloat
              ? inputGradients<float>(gy, x, saved[1], n, training, relu, wantsX, wantsResidual)
              : inputGradients<uint16_t>(gy, x, saved[1], n, training, relu, wantsX, wantsResidual);
    }
    if (!ctx->saved_data["weight"].toBool()) g[1] = Tensor();
    if (!ctx->saved_data["bias"].toBool()) g[2] = Tensor();
    return {g[0], g[1], g[2], g[3], Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

Tensor batchNormAct(const Tensor& input, const optional<Tensor>& weight, const optional<Tensor>& bias,
                    const optional<Tensor>& runningMean, const optional<Tensor>& runningVar,
                    const optional<Tensor>& residual, bool training, double momentum, double eps, bool relu) {
  return BatchNormAct::apply(input, weight, bias, residual, runningMean, runningVar, training, momentum, eps, relu);
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def(
      "batch_norm_act(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
      "Tensor? residual, bool training, float momentum, float eps, bool relu) -> Tensor",
      ct::batchNormAct);
}
