// Generators of random numbers as handles: a Node-API external around an at::Generator.
#pragma once

#include <ATen/core/Generator.h>

#include "env.h"

namespace ct {

// The generator behind a handle; throws for any other value.
at::Generator generatorOf(napi_env env, napi_value value);

}  // namespace ct
