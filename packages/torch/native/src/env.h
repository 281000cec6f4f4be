// What the addon keeps for one Node environment (the main thread, or one worker thread).
#pragma once

#include "prelude.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <c10/core/InferenceMode.h>

namespace ct {

class Collector;

// References to JS values may only be dropped on the thread of their environment, but LibTorch drops graph nodes, hooks
// and storages on any thread: they queue the reference here, and the next call from JS drops it.
class ReleaseQueue {
 public:
  void push(napi_ref ref) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closed_) refs_.push_back(ref);
    any_.store(true, std::memory_order_release);
  }
  void drain(napi_env env) {
    if (!any_.load(std::memory_order_acquire)) return;
    std::vector<napi_ref> refs;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      refs.swap(refs_);
      any_.store(false, std::memory_order_release);
    }
    for (napi_ref ref : refs) napi_delete_reference(env, ref);
  }
  void close() {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    refs_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<napi_ref> refs_;
  std::atomic<bool> any_{false};
  bool closed_ = false;
};

// Live handles and the storages that they keep alive; touched on the JS thread only.
struct MemoryLedger {
  struct Entry {
    int64_t handles;
    int64_t bytes;
  };
  std::unordered_map<void*, Entry> storages;
  int64_t live = 0;
  int64_t bytes = 0;
  // What was reported to V8, and the peak since `windowEnd` was set.
  int64_t reported = 0;
  int64_t peak = 0;
  // What finalizers have freed since the last report to V8.
  int64_t collected = 0;
  std::chrono::steady_clock::time_point windowEnd;
};

struct Env {
  Env();
  ~Env();

  std::shared_ptr<ReleaseQueue> releases = std::make_shared<ReleaseQueue>();
  std::shared_ptr<MemoryLedger> ledger = std::make_shared<MemoryLedger>();
  std::shared_ptr<Collector> collector;
  std::vector<c10::OperatorHandle> operators;
  std::unordered_map<std::string, uint32_t> operatorIndex;
  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceModes;
  // The JS exception that a callback threw inside LibTorch; rethrown when LibTorch has unwound.
  Napi::Reference<Napi::Value> callbackError;
  std::thread::id thread = std::this_thread::get_id();
  // Graph nodes and hooks of this environment that call back into JS.
  std::shared_ptr<std::atomic<int64_t>> callbacks = std::make_shared<std::atomic<int64_t>>(0);
};

inline Env& envOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Env*>(data);
}

}  // namespace ct
