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

// Memory for packed operands and partial sums, in units of four bytes.
inline at::Tensor workspace(int64_t units) {
  return at::empty({units}, at::TensorOptions(at::kFloat));
}

// Calls body(begin, end) with ranges that cover [0, count). Each thread takes the next one when it has done its last, of
// a share of what is left: none waits for one whose core is slower or shared. Which thread takes which is left to chance,
// so that a result must not depend on where ranges begin.
template <typename Body>
void forRanges(int64_t count, const Body& body) {
  const int64_t threads = std::min<int64_t>(at::get_num_threads(), count);
  std::atomic<int64_t> next{0};
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    int64_t begin = next.load();
    while (begin < count) {
      const int64_t end = begin + std::max<int64_t>(1, (count - begin) / (2 * threads));
      if (!next.compare_exchange_weak(begin, end)) continue;
      body(begin, end);
      begin = next.load();
    }
  });
}

template <typename Body>
void forEach(int64_t count, const Body& body) {
  forRanges(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) body(i);
  });
}

// Casts operands as autocast does for LibTorch's own operators: to its dtype, and those of weights are kept until it is left.
inline auto autocastOnCpu() {
#if CT_TORCH_AT_LEAST(2, 4)
  const at::ScalarType type = at::autocast::get_autocast_dtype(at::kCPU);
#else
  const at::ScalarType type = at::autocast::get_autocast_cpu_dtype();
#endif
  return [type](const at::Tensor& tensor) { return at::autocast::cached_cast(type, tensor, c10::DeviceType::CPU); };
}

// That of two sets of kernels which is for numbers of type T.
template <typename T, template <typename> class Set>
const Set<T>& setFor(const Set<float>& f32, const Set<uint16_t>& bf16) {
  if constexpr (std::is_same<T, float>::value) return f32;
  else return bf16;
}

}  // namespace ct
