// What a tensor is (shape, dtype, device, memory) and its way from and to JS memory.
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "allocator.h"
#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "names.h"
#include "values.h"

namespace ct {
namespace {

Napi::Value shape(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), toArray(info.Env(), tensorOf(info.Env(), info[0]).sizes()));
}

Napi::Value strides(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), toArray(info.Env(), tensorOf(info.Env(), info[0]).strides()));
}

Napi::Value dtype(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), dtypeName(tensorOf(info.Env(), info[0]).scalar_type()));
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), tensorOf(info.Env(), info[0]).device().str());
}

Napi::Value numel(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tensorOf(info.Env(), info[0]).numel()));
}

Napi::Value elementSize(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tensorOf(info.Env(), info[0]).element_size()));
}

Napi::Value isContiguous(const Napi::CallbackInfo& info) {
  const int64_t format = info[1].IsUndefined() ? 0 : enumValueOf(stringOf(info.Env(), info[1]));
  if (format < 0) fail("unknown memory format");
  return Napi::Boolean::New(
      info.Env(), tensorOf(info.Env(), info[0]).is_contiguous(static_cast<at::MemoryFormat>(format)));
}

// The same TensorImpl behind two handles.
Napi::Value isSame(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), tensorOf(info.Env(), info[0]).is_same(tensorOf(info.Env(), info[1])));
}

Napi::Value sharesStorage(const Napi::CallbackInfo& info) {
  const at::Tensor& a = tensorOf(info.Env(), info[0]);
  return Napi::Boolean::New(info.Env(), a.is_alias_of(tensorOf(info.Env(), info[1])));
}

// The address of the first element, for tests of sharing and alignment.
Napi::Value dataPointer(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(reinterpret_cast<uintptr_t>(tensorOf(info.Env(), info[0]).data_ptr())));
}

Napi::Value version(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tensorOf(info.Env(), info[0])._version()));
}

Napi::Value item(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensorOf(info.Env(), info[0]);
  const at::Scalar value = tensor.item();
  if (value.isComplex()) fail("item() of a complex tensor: use its real or imaginary part");
  return Napi::Number::New(info.Env(), value.toDouble());
}

// fromBytes(Uint8Array, shape, dtype) -> a tensor over that memory, without a copy; the array lives as long as it.
Napi::Value fromBytes(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  const Memory memory = memoryOf(env, info[0]);
  const std::vector<int64_t> sizes = int64sOf(env, info[1]);
  const at::ScalarType type = dtypeOf(stringOf(env, info[2]));
  size_t bytes = c10::elementSize(type);
  for (int64_t size : sizes) {
    if (size < 0) fail("expected sizes of 0 or more, received " + std::to_string(size));
    bytes *= static_cast<size_t>(size);
  }
  if (bytes > memory.bytes) {
    fail("buffer too small: " + std::to_string(memory.bytes) + " bytes for a shape of " + std::to_string(bytes));
  }
  if (bytes == 0) return Napi::Value(env, wrapTensor(env, at::empty(sizes, type)));
  napi_ref ref;
  if (napi_create_reference(env, info[0], 1, &ref) != napi_ok) fail("cannot hold the buffer");
  std::shared_ptr<ReleaseQueue> releases = envOf(env).releases;
  at::Tensor tensor = at::from_blob(
      memory.data, sizes, [releases, ref](void*) { releases->push(ref); }, at::TensorOptions(type));
  return Napi::Value(env, wrapTensor(env, std::move(tensor)));
}

// copyBytes(tensor, Uint8Array): the elements of a contiguous CPU tensor, as they lie in memory.
Napi::Value copyBytes(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensorOf(info.Env(), info[0]);
  const Memory memory = memoryOf(info.Env(), info[1]);
  if (!tensor.is_contiguous() || !tensor.device().is_cpu()) fail("internal: copyBytes needs a contiguous CPU tensor");
  if (tensor.nbytes() > memory.bytes) fail("internal: copyBytes needs a larger array");
  if (tensor.nbytes() > 0) std::memcpy(memory.data, tensor.data_ptr(), tensor.nbytes());
  return info.Env().Undefined();
}

// A view over a contiguous CPU tensor's own memory. It holds the storage, whatever becomes of the tensor, and the storage
// stays as it is: resized, it would free the memory that the view shows.
Napi::Value externalBytes(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensorOf(info.Env(), info[0]);
  if (!tensor.is_contiguous() || !tensor.device().is_cpu()) fail("memory() needs a contiguous CPU tensor");
  auto* owner = new c10::Storage(tensor.storage());
  owner->unsafeGetStorageImpl()->set_resizable(false);
  return Napi::ArrayBuffer::New(
      info.Env(), tensor.data_ptr(), tensor.nbytes(), [](Napi::BasicEnv, void*, c10::Storage* held) { delete held; },
      owner);
}

// A second handle of the same tensor.
Napi::Value alias(const Napi::CallbackInfo& info) {
  return Napi::Value(info.Env(), wrapTensor(info.Env(), tensorOf(info.Env(), info[0])));
}

Napi::Value replaceData(const Napi::CallbackInfo& info) {
  setData(info.Env(), info[0], tensorOf(info.Env(), info[1]));
  return info.Env().Undefined();
}

Napi::Value disposeTensor(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), disposeHandle(info.Env(), info[0]));
}

Napi::Value memoryStats(const Napi::CallbackInfo& info) {
  const MemoryLedger& ledger = *envOf(info.Env()).ledger;
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("liveTensors", static_cast<double>(ledger.live));
  result.Set("bytes", static_cast<double>(ledger.bytes));
  return result;
}

Napi::Value emptyCache(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(emptyAllocatorCache()));
}

}  // namespace

void registerTensors(Napi::Env env, Napi::Object exports) {
  exports.Set("shape", Napi::Function::New<guarded<shape>>(env));
  exports.Set("strides", Napi::Function::New<guarded<strides>>(env));
  exports.Set("dtype", Napi::Function::New<guarded<dtype>>(env));
  exports.Set("device", Napi::Function::New<guarded<device>>(env));
  exports.Set("numel", Napi::Function::New<guarded<numel>>(env));
  exports.Set("elementSize", Napi::Function::New<guarded<elementSize>>(env));
  exports.Set("isContiguous", Napi::Function::New<guarded<isContiguous>>(env));
  exports.Set("isSame", Napi::Function::New<guarded<isSame>>(env));
  exports.Set("sharesStorage", Napi::Function::New<guarded<sharesStorage>>(env));
  exports.Set("dataPointer", Napi::Function::New<guarded<dataPointer>>(env));
  exports.Set("version", Napi::Function::New<guarded<version>>(env));
  exports.Set("item", Napi::Function::New<guarded<item>>(env));
  exports.Set("fromBytes", Napi::Function::New<guarded<fromBytes>>(env));
  exports.Set("copyBytes", Napi::Function::New<guarded<copyBytes>>(env));
  exports.Set("externalBytes", Napi::Function::New<guarded<externalBytes>>(env));
  exports.Set("alias", Napi::Function::New<guarded<alias>>(env));
  exports.Set("setData", Napi::Function::New<guarded<replaceData>>(env));
  exports.Set("dispose", Napi::Function::New<guarded<disposeTensor>>(env));
  exports.Set("emptyCache", Napi::Function::New<guarded<emptyCache>>(env));
  exports.Set("memoryStats", Napi::Function::New<guarded<memoryStats>>(env));
}

}  // namespace ct
