#include "callback.h"

#include <ATen/ThreadLocalState.h>

#include <map>

#include "errors.h"

namespace ct {

void CallbackPump::run(const std::function<void()>& work) {
  std::exception_ptr error;
  at::ThreadLocalState state;
  std::thread helper([&] {
    at::ThreadLocalStateGuard guard(state);
    try {
      work();
    } catch (...) {
      error = std::current_exception();
    }
    std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  });
  {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return finished_ || !tasks_.empty(); });
      if (tasks_.empty()) break;
      Task* task = tasks_.front();
      tasks_.pop();
      lock.unlock();
      try {
        (*task->body)();
      } catch (...) {
        task->error = std::current_exception();
      }
      lock.lock();
      task->done = true;
      changed_.notify_all();
    }
  }
  helper.join();
  if (error) std::rethrow_exception(error);
}

void CallbackPump::call(const std::function<void()>& body) {
  Task task{&body, false, nullptr};
  std::unique_lock<std::mutex> lock(mutex_);
  tasks_.push(&task);
  changed_.notify_all();
  changed_.wait(lock, [&] { return task.done; });
  if (task.error) std::rethrow_exception(task.error);
}

namespace {
std::mutex pumpMutex;
std::map<napi_env, CallbackPump*> pumps;
}  // namespace

CallbackPump*& currentPump(napi_env env) {
  std::lock_guard<std::mutex> lock(pumpMutex);
  return pumps[env];
}

Callback::Callback(napi_env env, napi_value function)
    : env_(env), thread_(std::this_thread::get_id()), releases_(envOf(env).releases), count_(envOf(env).callbacks) {
  if (napi_create_reference(env, function, 1, &ref_) != napi_ok) fail("expected a function");
  count_->fetch_add(1);
}

Callback::~Callback() {
  releases_->push(ref_);
  count_->fetch_sub(1);
}

void Callback::call(const std::function<std::vector<napi_value>(napi_env)>& arguments,
                    const std::function<void(napi_env, napi_value)>& take) const {
  if (std::this_thread::get_id() == thread_) return callHere(arguments, take);
  CallbackPump* pump = currentPump(env_);
  if (pump == nullptr) throw std::runtime_error("a JavaScript hook was reached on a thread without JavaScript");
  // The engine's thread carries grad mode and autocast state that the callback must see.
  at::ThreadLocalState state;
  pump->call([&] {
    at::ThreadLocalStateGuard guard(state);
    callHere(arguments, take);
  });
}

void Callback::weaken() {
  if (!weak_) napi_reference_unref(env_, ref_, nullptr);
  weak_ = true;
}

void Callback::strengthen() {
  if (weak_) napi_reference_ref(env_, ref_, nullptr);
  weak_ = false;
}

napi_value Callback::function() const {
  napi_value function = nullptr;
  napi_get_reference_value(env_, ref_, &function);
  return function;
}

// What the function threw is rethrown when LibTorch has unwound. Nothing was thrown when the worker is being terminated.
void Callback::keepException() const {
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env_, &error) != napi_ok) return;
  napi_valuetype type = napi_undefined;
  if (napi_typeof(env_, error, &type) != napi_ok) return;
  // References to primitives need Node-API 10: a thrown primitive is wrapped.
  if (type != napi_object && type != napi_function) {
    napi_value message = nullptr;
    if (napi_coerce_to_string(env_, error, &message) != napi_ok) return;
    napi_create_error(env_, nullptr, message, &error);
  }
  envOf(env_).callbackError = Napi::Reference<Napi::Value>::New(Napi::Value(env_, error), 1);
}

void Callback::callHere(const std::function<std::vector<napi_value>(napi_env)>& arguments,
                        const std::function<void(napi_env, napi_value)>& take) const {
  Napi::HandleScope scope(env_);
  const napi_value function = this->function();
  std::vector<napi_value> values = arguments(env_);
  napi_value self = nullptr;
  napi_get_undefined(env_, &self);
  napi_value result = nullptr;
  if (napi_call_function(env_, self, function, values.size(), values.data(), &result) != napi_ok) {
    keepException();
    throw CallbackFailed();
  }
  take(env_, result);
}

}  // namespace ct
