// A JS function that LibTorch may hold on to and call: from graph nodes and hooks.
#pragma once

#include <condition_variable>
#include <functional>
#include <queue>

#include "env.h"

namespace ct {

// Callbacks that arrive on one of LibTorch's own threads (one per accelerator) while the JS thread waits for backward:
// the JS thread runs them in between. Backward over CPU tensors stays on the JS thread and never needs this.
class CallbackPump {
 public:
  // Runs `work` on a helper thread and, on this thread, whatever `call` asks for meanwhile.
  void run(const std::function<void()>& work);
  // From another thread: runs `task` on the pumping thread and waits for it.
  void call(const std::function<void()>& task);

 private:
  struct Task {
    const std::function<void()>* body;
    bool done;
    std::exception_ptr error;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<Task*> tasks_;
  bool finished_ = false;
};

class Callback {
 public:
  Callback(napi_env env, napi_value function);
  ~Callback();
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  // Calls the function with what `arguments` makes, and gives the result to `take`; both run on the JS thread.
  void call(const std::function<std::vector<napi_value>(napi_env)>& arguments,
            const std::function<void(napi_env, napi_value)>& take) const;

  // Whether the graph keeps the function alive, or leaves that to handles (see Collector). On the JS thread only.
  void weaken();
  void strengthen();
  napi_value function() const;

 private:
  void keepException() const;
  void callHere(const std::function<std::vector<napi_value>(napi_env)>& arguments,
                const std::function<void(napi_env, napi_value)>& take) const;

  napi_env env_;
  std::thread::id thread_;
  napi_ref ref_ = nullptr;
  bool weak_ = false;
  std::shared_ptr<ReleaseQueue> releases_;
  std::shared_ptr<std::atomic<int64_t>> count_;
};

// The pump that the JS thread of this environment is in, if any.
CallbackPump*& currentPump(napi_env env);

}  // namespace ct
