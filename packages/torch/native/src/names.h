// Names of dtypes, layouts and memory formats, as TypeScript writes them.
#pragma once

#include "prelude.h"

namespace ct {

const char* dtypeName(at::ScalarType type);
at::ScalarType dtypeOf(const std::string& name);

// A schema's `ScalarType`, `Layout` and `MemoryFormat` all arrive as int: the number for a name, or -1.
int64_t enumValueOf(const std::string& name);

}  // namespace ct
