// The one place where C++ exceptions become JS exceptions.
#pragma once

#include "env.h"

namespace ct {

// Thrown through LibTorch when a JS callback threw; the JS exception itself waits in Env::callbackError.
struct CallbackFailed : std::runtime_error {
  CallbackFailed() : std::runtime_error("a JavaScript callback threw") {}
};

[[noreturn]] inline void fail(const std::string& message) {
  throw std::invalid_argument(message);
}

template <Napi::Value (*body)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Env& data = envOf(env);
  data.releases->drain(env);
  std::string message;
  try {
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
    Napi::Value thrown = data.callbackError.Value();
    data.callbackError.Reset();
    napi_throw(env, thrown);
    throw Napi::Error::New(env);
  }
  // The mark tells LibTorch's complaints from what a JS callback threw.
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("native", Napi::Boolean::New(env, true));
  throw error;
}

}  // namespace ct
