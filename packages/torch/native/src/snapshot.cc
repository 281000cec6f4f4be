// A copy of many tensors into memory that another thread reads: what a checkpoint is written from.
#include <ATen/ops/from_blob.h>

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "values.h"

namespace ct {
namespace {

// memcpy with non-temporal stores: no thread reads the copy soon, and not reading the overwritten lines into the cache saves a
// third of the memory traffic.
void streamCopy(char* to, const char* from, size_t bytes) {
#if defined(__SSE2__)
  constexpr size_t kLine = 64;
  const size_t head = (kLine - reinterpret_cast<uintptr_t>(to) % kLine) % kLine;
  if (bytes >= 16 * kLine) {
    std::memcpy(to, from, head);
    size_t done = head;
    for (; done + kLine <= bytes; done += kLine) {
      const auto* source = reinterpret_cast<const __m128i*>(from + done);
      auto* target = reinterpret_cast<__m128i*>(to + done);
      const __m128i a = _mm_loadu_si128(source);
      const __m128i b = _mm_loadu_si128(source + 1);
      const __m128i c = _mm_loadu_si128(source + 2);
      const __m128i d = _mm_loadu_si128(source + 3);
      _mm_stream_si128(target, a);
      _mm_stream_si128(target + 1, b);
      _mm_stream_si128(target + 2, c);
      _mm_stream_si128(target + 3, d);
    }
    to += done;
    from += done;
    bytes -= done;
    _mm_sfence();
  }
#endif
  std::memcpy(to, from, bytes);
}

// copyTensors(tensors, Uint8Array, offsets): each tensor's elements in row-major order at its byte offset.
Napi::Value copyTensors(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  const std::vector<at::Tensor> tensors = tensorsOf(env, info[0]);
  const Memory memory = memoryOf(env, info[1]);
  const std::vector<int64_t> offsets = int64sOf(env, info[2]);
  if (tensors.size() != offsets.size()) fail("internal: copyTensors needs an offset for each tensor");
  for (size_t i = 0; i < tensors.size(); i++) {
    const at::Tensor& tensor = tensors[i];
    const size_t offset = static_cast<size_t>(offsets[i]);
    if (offsets[i] < 0 || offset + tensor.nbytes() > memory.bytes) {
      fail("snapshot buffer too small: " + std::to_string(memory.bytes) + " bytes for a " + std::to_string(tensor.nbytes()) +
           "-byte tensor at offset " + std::to_string(offsets[i]));
    }
    if (tensor.nbytes() == 0) continue;
    char* to = memory.data + offset;
    if (tensor.device().is_cpu() && tensor.is_contiguous()) {
      streamCopy(to, static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
    } else {
      at::from_blob(to, tensor.sizes(), at::TensorOptions(tensor.scalar_type())).copy_(tensor);
    }
  }
  return info.Env().Undefined();
}

// useLargePages(Uint8Array): asks for large pages where memory is not in use yet, so that its first use costs a
// five-hundredth of the page faults. A wish: without support nothing happens.
Napi::Value useLargePages(const Napi::CallbackInfo& info) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const Memory memory = memoryOf(info.Env(), info[0]);
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(memory.data) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory.data) + memory.bytes) / kPage * kPage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return info.Env().Undefined();
}

}  // namespace

void registerSnapshots(Napi::Env env, Napi::Object exports) {
  exports.Set("copyTensors", Napi::Function::New<guarded<copyTensors>>(env));
  exports.Set("useLargePages", Napi::Function::New<guarded<useLargePages>>(env));
}

}  // namespace ct
