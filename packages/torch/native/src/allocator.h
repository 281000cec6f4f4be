#pragma once

#include <cstddef>

namespace ct {

// Makes LibTorch take CPU memory from the caching allocator, once per process; CT_ALLOCATOR=system leaves it alone.
void installAllocator();

// Gives cached memory back to the system. Returns the bytes.
size_t emptyAllocatorCache();

}  // namespace ct
