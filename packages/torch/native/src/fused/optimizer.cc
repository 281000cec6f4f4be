// ct::adam_step, ct::sgd_step, ct::grad_norm, ct::scale_gradients: one pass over all parameters of a group.
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <cmath>

#include "operands.h"

namespace ct {
namespace {

using at::Tensor;

// Parameters are cut into chunks of this many elements for the threads; their sums are added in order.
constexpr int64_t kChunk = 1 << 16;

struct Chunk {
  size_t tensor;
  int64_t begin;
  int64_t count;
};

std::vector<Chunk> chunksOf(const std::vector<int64_t>& sizes) {
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < sizes.size(); i++) {
    for (int64_t begin = 0; begin < sizes[i]; begin += kChunk) {
      chunks.push_back({i, begin, std::min(kChunk, sizes[i] - begin)});
    }
  }
  return chunks;
}

std::vector<int64_t> sizesOf(const std::vector<Tensor>& tensors) {
  std::vector<int64_t> sizes;
  for (const Tensor& tensor : tensors) sizes.push_back(tensor.numel());
  return sizes;
}

void checkOwn(const Tensor& tensor, const Tensor& parameter, const char* name) {
  TORCH_CHECK(tensor.device().is_cpu() && tensor.scalar_type() == at::kFloat, name, ": expected float32 on the CPU, received ", tensor.scalar_type(), " on ", tensor.device());
  TORCH_CHECK(tensor.sizes() == parameter.sizes() && tensor.strides() == parameter.strides(), name,
              ": expected the shape and strides of its parameter ", parameter.sizes(), ", received ", tensor.sizes());
  TORCH_CHECK(tensor.is_non_overlapping_and_dense(), name, ": expected a dense tensor");
}

// Copies gradients of another layout into the parameter's.
std::vector<Tensor> gradientsLike(at::TensorList gradients, at::TensorList parameters) {
  TORCH_CHECK(gradients.size() == parameters.size(), "expected one gradient per parameter, received ", gradients.size(), " for ", parameters.size());
  std::vector<Tensor> result;
  for (size_t i = 0; i < parameters.size(); i++) {
    Tensor g = gradients[i];
    TORCH_CHECK(g.sizes() == parameters[i].sizes(), "expected a gradient of shape ", parameters[i].sizes(),
                ", received ", g.sizes());
    if (g.scalar_type() != at::kFloat || g.strides() != parameters[i].strides()) {
      Tensor copy = at::empty_like(parameters[i].detach());
      copy.copy_(g);
      g = copy;
    }
    result.push_back(g);
  }
  return result;
}

std::vector<Tensor> checked(at::TensorList tensors, at::TensorList parameters, const char* name) {
  if (tensors.empty()) return {};
  TORCH_CHECK(tensors.size() == parameters.size(), "expected one ", name, " per parameter, received ", tensors.size(), " for ", parameters.size());
  for (size_t i = 0; i < tensors.size(); i++) checkOwn(tensors[i], parameters[i], name);
  return tensors.vec();
}

float* at(const std::vector<Tensor>& tensors, const Chunk& s) {
  return tensors.empty() ? nullptr : static_cast<float*>(tensors[s.tensor].data_ptr()) + s.begin;
}

template <typename Body>
void forEach(const std::vector<Chunk>& chunks, const Body& body) {
  parallelFor(static_cast<int64_t>(chunks.size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) body(chunks[i], i);
  });
}

void markChanged(const std::vector<Tensor>& tensors) {
  for (const Tensor& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

void adamStep(at::TensorList params, at::TensorList grads, at::TensorList expAvgs, at::TensorList expAvgSqs, int64_t step,
              double lr, double beta1, double beta2, double eps, double weightDecay, bool decoupled, double gradScale,
              at::TensorList ema, double emaDecay) {
  const std::vector<Tensor> p = checked(params, params, "parameter");
  const std::vector<Tensor> g = gradientsLike(grads, params);
  const std::vector<Tensor> m = checked(expAvgs, params, "exp_avg");
  const std::vector<Tensor> v = checked(expAvgSqs, params, "exp_avg_sq");
  const std::vector<Tensor> averages = checked(ema, params, "ema");
  TORCH_CHECK(m.size() == p.size() && v.size() == p.size(), "expected one exp_avg and exp_avg_sq per parameter");
  const double correction1 = 1 - std::pow(beta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(beta2, static_cast<double>(step));
  forEach(chunksOf(sizesOf(p)), [&](const Chunk& s, int64_t) {
    kernels::best().adam({at(p, s), at(g, s), at(m, s), at(v, s), at(averages, s), s.count, (float)gradScale, (float)(1 - beta1),
                          (float)beta2, (float)(1 - beta2), (float)eps, (float)(decoupled ? 1 - lr * weightDecay : 1.0),
                          (float)(decoupled ? 0.0 : weightDecay), (float)(lr / correction1),
                          (float)std::sqrt(correction2), (float)emaDecay});
  });
  markChanged(p);
  markChanged(m);
  markChanged(v);
  markChanged(averages);
}

void sgdStep(at::TensorList params, at::TensorList grads, at::TensorList momentumBuffers, bool firstStep, double lr,
             double momentum, double dampening, double weightDecay, bool nesterov, double gradScale, at::TensorList ema,
             double emaDecay) {
  const std::vector<Tensor> p = checked(params, params, "parameter");
  const std::vector<Tensor> g = gradientsLike(grads, params);
  const std::vector<Tensor> buffers = checked(momentumBuffers, params, "momentum buffer");
  const std::vector<Tensor> averages = checked(ema, params, "ema");
  forEach(chunksOf(sizesOf(p)), [&](const Chunk& s, int64_t) {
    kernels::best().sgd({at(p, s), at(g, s), at(buffers, s), at(averages, s), s.count, (float)gradScale, (float)lr,
                         (float)weightDecay, (float)momentum, (float)(1 - dampening), (float)emaDecay, firstStep, nesterov});
  });
  markChanged(p);
  markChanged(buffers);
  markChanged(averages);
}

std::vector<Tensor> denseFloats(at::TensorList tensors) {
  for (const Tensor& t : tensors) {
    TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_non_overlapping_and_dense(),
                "expected gradients that are dense float32 on the CPU, received ", t.scalar_type(), " on ", t.device());
  }
  return tensors.vec();
}

double gradNorm(at::TensorList gradients) {
  const std::vector<Tensor> g = denseFloats(gradients);
  const std::vector<Chunk> chunks = chunksOf(sizesOf(g));
  std::vector<double> sums(chunks.size());
  forEach(chunks, [&](const Chunk& s, int64_t i) { sums[i] = kernels::best().sumOfSquares(at(g, s), s.count); });
  double total = 0;
  for (double sum : sums) total += sum;
  return std::sqrt(total);
}

void scaleGradients(at::TensorList gradients, double factor) {
  const std::vector<Tensor> g = denseFloats(gradients);
  forEach(chunksOf(sizesOf(g)),
          [&](const Chunk& s, int64_t) { kernels::best().scaleInPlace(at(g, s), s.count, (float)factor); });
  markChanged(g);
}

}  // namespace
}  // namespace ct

TORCH_LIBRARY_FRAGMENT(ct, m) {
  m.def(
      "adam_step(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, int step, float lr, "
      "float beta1, float beta2, float eps, float weight_decay, bool decoupled, float grad_scale, Tensor(d!)[] ema, "
      "float ema_decay) -> ()",
      ct::adamStep);
  m.def(
      "sgd_step(Tensor(a!)[] params, Tensor[] grads, Tensor(b!)[] momentum_buffers, bool first_step, float lr, "
      "float momentum, float dampening, float weight_decay, bool nesterov, float grad_scale, Tensor(d!)[] ema, "
      "float ema_decay) -> ()",
      ct::sgdStep);
  m.def("grad_norm(Tensor[] grads) -> float", ct::gradNorm);
  m.def("scale_gradients(Tensor(a!)[] grads, float factor) -> ()", ct::scaleGradients);
}
