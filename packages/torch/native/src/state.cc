// Modes and global state: grad mode, autocast, the seed, threads, devices, versions.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "version.h"
#include "names.h"
#include "values.h"


namespace ct {
namespace {

Napi::Value isGradEnabled(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), c10::GradMode::is_enabled());
}

Napi::Value setGradEnabled(const Napi::CallbackInfo& info) {
  c10::GradMode::set_enabled(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value enterInferenceMode(const Napi::CallbackInfo& info) {
  envOf(info.Env()).inferenceModes.push_back(std::make_unique<c10::InferenceMode>(info[0].ToBoolean()));
  return info.Env().Undefined();
}

Napi::Value leaveInferenceMode(const Napi::CallbackInfo& info) {
  auto& modes = envOf(info.Env()).inferenceModes;
  if (modes.empty()) fail("internal: no inference mode to leave");
  modes.pop_back();
  return info.Env().Undefined();
}

Napi::Value isInferenceMode(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), c10::InferenceMode::is_enabled());
}

struct AutocastState {
  bool enabled;
  at::ScalarType dtype;
};

c10::DeviceType deviceTypeOf(const std::string& name) {
  return c10::Device(name).type();
}

// LibTorch 1.13 has a pair of functions per device type; later ones take the device type, and add MPS.
AutocastState autocastState(const std::string& name) {
  const c10::DeviceType type = deviceTypeOf(name);
#if CT_TORCH_AT_LEAST(2, 4)
  return {at::autocast::is_autocast_enabled(type), at::autocast::get_autocast_dtype(type)};
#else
  if (type == c10::DeviceType::CPU) return {at::autocast::is_cpu_enabled(), at::autocast::get_autocast_cpu_dtype()};
  if (type == c10::DeviceType::CUDA) return {at::autocast::is_enabled(), at::autocast::get_autocast_gpu_dtype()};
  fail("this LibTorch has no autocast for " + name);
#endif
}

// The dtype first: if it is refused, nothing is enabled.
void setAutocast(const std::string& name, AutocastState state) {
  const c10::DeviceType type = deviceTypeOf(name);
#if CT_TORCH_AT_LEAST(2, 4)
  at::autocast::set_autocast_dtype(type, state.dtype);
  at::autocast::set_autocast_enabled(type, state.enabled);
#else
  if (type == c10::DeviceType::CPU) {
    at::autocast::set_autocast_cpu_dtype(state.dtype);
    at::autocast::set_cpu_enabled(state.enabled);
  } else if (type == c10::DeviceType::CUDA) {
    at::autocast::set_autocast_gpu_dtype(state.dtype);
    at::autocast::set_enabled(state.enabled);
  } else {
    fail("this LibTorch has no autocast for " + name);
  }
#endif
}

// enterAutocast(device, enabled, dtype) -> [was enabled, previous dtype], for leaveAutocast
Napi::Value enterAutocast(const Napi::CallbackInfo& info) {
  const std::string name = stringOf(info.Env(), info[0]);
  const AutocastState previous = autocastState(name);
  setAutocast(name, {info[1].ToBoolean(), dtypeOf(stringOf(info.Env(), info[2]))});
  at::autocast::increment_nesting();
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, previous.enabled);
  result.Set(1u, dtypeName(previous.dtype));
  return result;
}

Napi::Value leaveAutocast(const Napi::CallbackInfo& info) {
  // Casts of parameters are cached until the outermost region ends.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  setAutocast(stringOf(info.Env(), info[0]), {info[1].ToBoolean(), dtypeOf(stringOf(info.Env(), info[2]))});
  return info.Env().Undefined();
}

Napi::Value autocastStateOf(const Napi::CallbackInfo& info) {
  const AutocastState state = autocastState(stringOf(info.Env(), info[0]));
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, state.enabled);
  result.Set(1u, dtypeName(state.dtype));
  return result;
}

Napi::Value manualSeed(const Napi::CallbackInfo& info) {
  at::manual_seed(static_cast<uint64_t>(int64Of(info.Env(), info[0])));
  return info.Env().Undefined();
}

Napi::Value getNumThreads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

Napi::Value setNumThreads(const Napi::CallbackInfo& info) {
  const int64_t count = int64Of(info.Env(), info[0]);
  if (count < 1) fail("expected a number of threads of at least 1, received " + std::to_string(count));
  at::set_num_threads(static_cast<int>(count));
  return info.Env().Undefined();
}

Napi::Value setDeterministic(const Napi::CallbackInfo& info) {
  at::globalContext().setDeterministicAlgorithms(info[0].ToBoolean(), info[1].ToBoolean());
  at::globalContext().setDeterministicCuDNN(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value setCudnnBenchmark(const Napi::CallbackInfo& info) {
  at::globalContext().setBenchmarkCuDNN(info[0].ToBoolean());
  return info.Env().Undefined();
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  const bool cuda = at::globalContext().hasCUDA();
  result.Set("cuda", cuda ? static_cast<double>(at::detail::getCUDAHooks().getNumGPUs()) : 0.0);
#if CT_TORCH_AT_LEAST(2, 0)
  result.Set("mps", at::hasMPS());
#elif CT_TORCH_AT_LEAST(1, 13)
  result.Set("mps", at::globalContext().hasMPS());
#endif
  return result;
}

Napi::Value versionInfo(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("libtorch", TORCH_VERSION);
  result.Set("config", at::show_config());
  result.Set("parallel", at::get_parallel_info());
  return result;
}

}  // namespace

void registerState(Napi::Env env, Napi::Object exports) {
  exports.Set("isGradEnabled", Napi::Function::New<guarded<isGradEnabled>>(env));
  exports.Set("setGradEnabled", Napi::Function::New<guarded<setGradEnabled>>(env));
  exports.Set("enterInferenceMode", Napi::Function::New<guarded<enterInferenceMode>>(env));
  exports.Set("leaveInferenceMode", Napi::Function::New<guarded<leaveInferenceMode>>(env));
  exports.Set("isInferenceMode", Napi::Function::New<guarded<isInferenceMode>>(env));
  exports.Set("enterAutocast", Napi::Function::New<guarded<enterAutocast>>(env));
  exports.Set("leaveAutocast", Napi::Function::New<guarded<leaveAutocast>>(env));
  exports.Set("autocastState", Napi::Function::New<guarded<autocastStateOf>>(env));
  exports.Set("manualSeed", Napi::Function::New<guarded<manualSeed>>(env));
  exports.Set("getNumThreads", Napi::Function::New<guarded<getNumThreads>>(env));
  exports.Set("setNumThreads", Napi::Function::New<guarded<setNumThreads>>(env));
  exports.Set("setDeterministic", Napi::Function::New<guarded<setDeterministic>>(env));
  exports.Set("setCudnnBenchmark", Napi::Function::New<guarded<setCudnnBenchmark>>(env));
  exports.Set("devices", Napi::Function::New<guarded<devices>>(env));
  exports.Set("versionInfo", Napi::Function::New<guarded<versionInfo>>(env));
}

}  // namespace ct
