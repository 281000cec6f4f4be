// What the fused operators share on the way from tensors to kernels.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Optional.h>

#include <algorithm>
#include <atomic>
#include <type_traits>
#include <vector>

#include "../kernels/kernels.h"
#include "../version.h"

namespace ct {

// Null when the tensor is undefined. bf16 is read as uint16_t, as kernels do.
template <typename T>
T* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

inline at::Tensor orNone(const c10::optional<at::Tensor>& tensor) {
  return tensor.has_value() ? *tensor : at::Tensor();
}

// Memory for packed operands and partial sums, in lanes of four bytes.
inline at::Tensor workspace(int64_t lanes) {
  return at::empty({lanes}, at::TensorOptions(at::kFloat));
}

// Calls body(begin, end) with ranges that cover [0, count), by work stealing. Each thread starts with a section, the same one
// for the same count, so that what it wrote before is in its cache; then it takes ranges of other threads' sections, whose
// core may be slower or shared. Where ranges begin is not deterministic, and a result must not depend on it.
template <typename Body>
void parallelFor(int64_t count, const Body& body) {
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), count);
  std::vector<std::atomic<int64_t>> next(static_cast<size_t>(threads));
  const auto sectionBegin = [&](int64_t section) { return count * section / threads; };
  for (int64_t i = 0; i < threads; i++) next[i] = sectionBegin(i);
  at::parallel_for(0, threads, 1, [&](int64_t thread, int64_t) {
    for (int64_t i = 0; i < threads; i++) {
      const int64_t section = (thread + i) % threads, last = sectionBegin(section + 1);
      for (int64_t begin = next[section]; begin < last;) {
        const int64_t end = begin + std::max<int64_t>(1, (last - begin) / 2);
        if (!next[section].compare_exchange_weak(begin, end)) continue;
        body(begin, end);
        begin = next[section];
      }
    }
  });
}

// Static scheduling: each thread takes one range, the same for the same count.
template <typename Body>
void forEach(int64_t count, const Body& body) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) body(i);
  });
}

// Split-K: how a large sum over [0, total) is cut into parts with partial sums, reduced at the end. By its size alone, so that
// it has the same bits with any number of threads.
struct SumParts {
  int64_t size;
  int64_t count;

  // values: in the partial sums of one part.
  SumParts(int64_t total, int64_t values) {
    constexpr int64_t kLeast = 512, kMostValues = 1 << 20;
    count = 16;
    while (count > 1 && (count * kLeast > total || count * values > kMostValues)) count /= 2;
    if (count < 4) count = 1;
    size = (total + count - 1) / count;
    size += size % 2;
    count = (total + size - 1) / size;
  }
};

// Calls body(part): parts in parallel where there are enough for all threads, else one after the other, each of which may then
// use all threads itself.
template <typename Body>
void forParts(int64_t count, const Body& body) {
  if (count < at::get_num_threads()) {
    for (int64_t i = 0; i < count; i++) body(i);
  } else {
    parallelFor(count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) body(i);
    });
  }
}

// Casts operands as autocast does for LibTorch's own operators: to its dtype; casts of weights are cached until it is left.
inline auto autocastOnCpu() {
#if CT_TORCH_AT_LEAST(2, 4)
  const at::ScalarType type = at::autocast::get_autocast_dtype(at::kCPU);
#else
  const at::ScalarType type = at::autocast::get_autocast_cpu_dtype();
#endif
  return [type](const at::Tensor& tensor) { return at::autocast::cached_cast(type, tensor, c10::DeviceType::CPU); };
}

// The kernels for values of type T.
template <typename T, template <typename> class Set>
const Set<T>& setFor(const Set<float>& f32, const Set<uint16_t>& bf16) {
  if constexpr (std::is_same<T, float>::value) return f32;
  else return bf16;
}

}  // namespace ct
