// What the fused operators share on the way from tensors to kernels.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Optional.h>

#include <type_traits>

#include "../kernels/kernels.h"

namespace ct {

// Null when the tensor is undefined. bf16 is read as uint16_t, as kernels do.
template <typename T>
T* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

inline at::Tensor orNone(const c10::optional<at::Tensor>& tensor) {
  return tensor.has_value() ? *tensor : at::Tensor();
}

// That of two sets of kernels which is for numbers of type T.
template <typename T, template <typename> class Set>
const Set<T>& setFor(const Set<float>& f32, const Set<uint16_t>& bf16) {
  if constexpr (std::is_same<T, float>::value) return f32;
  else return bf16;
}

}  // namespace ct
