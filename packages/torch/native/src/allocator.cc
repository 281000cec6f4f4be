// Memory of CPU tensors: keeps freed large blocks for the next allocation of their size. A training step allocates the
// same sizes again and again; the C library returns each to the system, and the next step takes a page fault for every
// 4 KiB of it. What is held never exceeds the largest amount that was in use at once by more than half and
// 64 MiB: a step has many sizes, and what one of them leaves free another one cannot take.
#include "allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <unordered_map>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#define CT_MUTABLE_ALLOCATORS \
  (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3))

namespace ct {
namespace {

// The C library caches smaller blocks itself.
constexpr size_t kLarge = 64 << 10;
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kSlack = 64 << 20;
constexpr size_t kHeader = 64;

// Lies in the 64 bytes before the data.
struct Block {
  size_t size;  // of header and data together
  uint64_t freedAt;
};
static_assert(sizeof(Block) <= kHeader, "the header must keep the alignment of the data");

// At most an eighth more than asked for, so that nearly equal sizes share blocks.
size_t roundUp(size_t size) {
  size_t step = kLarge;
  while (step * 16 <= size) step *= 2;
  return (size + step - 1) / step * step;
}

class CachingAllocator final : public c10::Allocator {
 public:
#if CT_MUTABLE_ALLOCATORS
  c10::DataPtr allocate(size_t bytes) override {
    return make(bytes);
  }
  void copy_data(void* to, const void* from, size_t count) const override {
    std::memcpy(to, from, count);
  }
#else
  c10::DataPtr allocate(size_t bytes) const override {
    return const_cast<CachingAllocator*>(this)->make(bytes);
  }
#endif
  c10::DeleterFnPtr raw_deleter() const override {
    return &release;
  }

  size_t emptyCache() {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t before = cached_;
    evictUntil(0);
    return before - cached_;
  }

  static CachingAllocator& instance() {
    // Never destroyed: tensors may outlive the statics of this library.
    static CachingAllocator* allocator = new CachingAllocator;
    return *allocator;
  }

 private:
  c10::DataPtr make(size_t bytes) {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &release, cpu};
    const size_t size = bytes + kHeader < kLarge ? bytes + kHeader : roundUp(bytes + kHeader);
    Block* block = size < kLarge ? fromSystem(size) : take(size);
    void* data = reinterpret_cast<char*>(block) + kHeader;
    return {data, data, &release, cpu};
  }

  static void release(void* data) {
    if (data == nullptr) return;
    Block* block = reinterpret_cast<Block*>(static_cast<char*>(data) - kHeader);
    if (block->size < kLarge) std::free(block);
    else instance().put(block);
  }

  Block* take(size_t size) {
    std::lock_guard<std::mutex> lock(mutex_);
    inUse_ += size;
    if (inUse_ > peak_) peak_ = inUse_;
    auto found = free_.find(size);
    if (found != free_.end() && !found->second.empty()) {
      Block* block = found->second.back();
      found->second.pop_back();
      cached_ -= size;
      return block;
    }
    const size_t limit = peak_ + peak_ / 2 + kSlack;
    evictUntil(limit > inUse_ ? limit - inUse_ : 0);
    try {
      return fromSystem(size);
    } catch (...) {
      evictUntil(0);
      try {
        return fromSystem(size);
      } catch (...) {
        inUse_ -= size;
        throw;
      }
    }
  }

  void put(Block* block) {
    std::lock_guard<std::mutex> lock(mutex_);
    inUse_ -= block->size;
    cached_ += block->size;
    block->freedAt = ++clock_;
    free_[block->size].push_back(block);
  }

  // Frees the blocks that were idle for longest until no more than `bytes` are cached.
  void evictUntil(size_t bytes) {
    while (cached_ > bytes) {
      std::deque<Block*>* oldest = nullptr;
      for (auto& entry : free_) {
        std::deque<Block*>& blocks = entry.second;
        if (blocks.empty()) continue;
        if (oldest == nullptr || blocks.front()->freedAt < oldest->front()->freedAt) oldest = &blocks;
      }
      if (oldest == nullptr) return;
      Block* block = oldest->front();
      oldest->pop_front();
      cached_ -= block->size;
      std::free(block);
    }
  }

  static Block* fromSystem(size_t size) {
    void* memory = nullptr;
    const bool huge = size >= 2 * kHugePage;
    if (posix_memalign(&memory, huge ? kHugePage : kHeader, size) != 0) {
      TORCH_CHECK(false, "not enough memory: ", size, " bytes could not be allocated");
    }
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (huge) madvise(memory, size, MADV_HUGEPAGE);
#endif
    return new (memory) Block{size, 0};
  }

  std::mutex mutex_;
  std::unordered_map<size_t, std::deque<Block*>> free_;
  size_t inUse_ = 0;
  size_t peak_ = 0;
  size_t cached_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace

void installAllocator() {
  static std::once_flag once;
  std::call_once(once, [] {
    const char* wanted = std::getenv("CT_ALLOCATOR");
    if (wanted != nullptr && std::strcmp(wanted, "system") == 0) return;
    c10::SetCPUAllocator(&CachingAllocator::instance());
  });
}

size_t emptyAllocatorCache() {
  return CachingAllocator::instance().emptyCache();
}

}  // namespace ct
