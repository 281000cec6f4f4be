// JS values to and from IValues, by the types of an operator's schema.
#pragma once

#include "env.h"

namespace ct {

c10::IValue toIValue(napi_env env, napi_value value, const c10::Argument& argument);
napi_value fromIValue(napi_env env, const c10::IValue& value);

std::string stringOf(napi_env env, napi_value value);
int64_t int64Of(napi_env env, napi_value value);
std::vector<int64_t> int64sOf(napi_env env, napi_value array);
napi_value toArray(napi_env env, at::IntArrayRef values);

// Where a Uint8Array's bytes lie.
struct Memory {
  char* data;
  size_t bytes;
};

Memory memoryOf(napi_env env, napi_value view);

}  // namespace ct
