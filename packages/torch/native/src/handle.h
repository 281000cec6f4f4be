// A tensor handle: a Node-API external around an at::Tensor. The Tensor class itself is TypeScript.
#pragma once

#include "env.h"

namespace ct {

napi_value wrapTensor(napi_env env, at::Tensor tensor);

// The tensor behind a handle; throws for any other value and when it was disposed.
const at::Tensor& tensorOf(napi_env env, napi_value value);

// As tensorOf, with null and undefined as the undefined tensor.
at::Tensor optionalTensorOf(napi_env env, napi_value value);

std::vector<at::Tensor> tensorsOf(napi_env env, napi_value array);

// Replaces the memory behind a tensor, as PyTorch's `tensor.data = other`.
void setData(napi_env env, napi_value value, const at::Tensor& data);

// Frees the tensor now; the handle stays as an empty shell. False when it was freed before.
bool disposeHandle(napi_env env, napi_value value);

}  // namespace ct
