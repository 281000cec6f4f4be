// The one place where C++ exceptions become JS exceptions.
#pragma once

#include "collector.h"

namespace ct {

// Thrown through LibTorch when a JS callback threw; the JS exception itself waits in Env::callbackError.
struct CallbackFailed : std::runtime_error {
  CallbackFailed() : std::runtime_error("a JavaScript callback threw") {}
};

[[noreturn]] inline void fail(const std::string& message) {
  throw std::invalid_argument(message);
}

// While a worker is being terminated (`worker.terminate()`, or `process.exit()` in it), every call that could run JS fails, also
// that which throws. Nothing needs to be thrown then: no JS runs any more. So failures of Node-API in here are ignored.
template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Env& data = envOf(env);
  data.releases->drain(env);
  std::string message;
  try {
    data.collector->poll(env);
    return body(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "unknown C++ exception";
  }
  if (!data.callbackError.IsEmpty()) {
    napi_throw(env, data.callbackError.Value());
    data.callbackError.Reset();
    return Napi::Value();
  }
  napi_value text = nullptr, error = nullptr, mark = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  napi_create_error(env, nullptr, text, &error);
  // Marks LibTorch's errors, in distinction from what a JS callback threw.
  napi_get_boolean(env, true, &mark);
  napi_set_named_property(env, error, "native", mark);
  napi_throw(env, error);
  return Napi::Value();
}

}  // namespace ct
