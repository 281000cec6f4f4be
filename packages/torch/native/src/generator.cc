#include "generator.h"

#include <ATen/Context.h>

#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "values.h"

namespace ct {
namespace {

constexpr uint64_t kMagic = 0x637447656e657261;  // distinguishes generators from tensors and from other addons' externals

struct Box {
  uint64_t magic = kMagic;
  at::Generator generator;
};

void finalize(napi_env, void* data, void*) {
  Box* box = static_cast<Box*>(data);
  box->magic = 0;
  delete box;
}

Napi::Value wrap(const Napi::CallbackInfo& info, at::Generator generator) {
  Box* box = new Box;
  box->generator = std::move(generator);
  napi_value result = nullptr;
  if (napi_create_external(info.Env(), box, finalize, nullptr, &result) != napi_ok) {
    finalize(info.Env(), box, nullptr);
    throw Napi::Error::New(info.Env());
  }
  return Napi::Value(info.Env(), result);
}

at::Generator defaultOf(const Napi::CallbackInfo& info) {
  return at::globalContext().defaultGenerator(c10::Device(stringOf(info.Env(), info[0])));
}

// defaultGenerator(device) -> the one that operators use by default
Napi::Value defaultGenerator(const Napi::CallbackInfo& info) {
  return wrap(info, defaultOf(info));
}

// newGenerator(device, seed) -> a new one
Napi::Value newGenerator(const Napi::CallbackInfo& info) {
  at::Generator source = defaultOf(info);
  std::unique_lock<std::mutex> lock(source.mutex());
  at::Generator generator = source.clone();
  lock.unlock();
  generator.set_current_seed(static_cast<uint64_t>(int64Of(info.Env(), info[1])));
  return wrap(info, std::move(generator));
}

Napi::Value seed(const Napi::CallbackInfo& info) {
  at::Generator generator = generatorOf(info.Env(), info[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(static_cast<uint64_t>(int64Of(info.Env(), info[1])));
  return info.Env().Undefined();
}

// As a bigint: seeds have 64 bits.
Napi::Value initialSeed(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(generatorOf(info.Env(), info[0]).current_seed()));
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), generatorOf(info.Env(), info[0]).device().str());
}

Napi::Value state(const Napi::CallbackInfo& info) {
  at::Generator generator = generatorOf(info.Env(), info[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return Napi::Value(info.Env(), wrapTensor(info.Env(), generator.get_state()));
}

Napi::Value setState(const Napi::CallbackInfo& info) {
  at::Generator generator = generatorOf(info.Env(), info[0]);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(tensorOf(info.Env(), info[1]));
  return info.Env().Undefined();
}

}  // namespace

at::Generator generatorOf(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_get_value_external(env, value, &data) != napi_ok || static_cast<Box*>(data)->magic != kMagic) {
    fail("expected a generator");
  }
  return static_cast<Box*>(data)->generator;
}

void registerGenerators(Napi::Env env, Napi::Object exports) {
  exports.Set("defaultGenerator", Napi::Function::New<guarded<defaultGenerator>>(env));
  exports.Set("newGenerator", Napi::Function::New<guarded<newGenerator>>(env));
  exports.Set("generatorSeed", Napi::Function::New<guarded<seed>>(env));
  exports.Set("generatorInitialSeed", Napi::Function::New<guarded<initialSeed>>(env));
  exports.Set("generatorDevice", Napi::Function::New<guarded<device>>(env));
  exports.Set("generatorState", Napi::Function::New<guarded<state>>(env));
  exports.Set("setGeneratorState", Napi::Function::New<guarded<setState>>(env));
}

}  // namespace ct
