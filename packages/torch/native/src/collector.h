// Frees tensors whose handles JavaScript has lost, also in a loop that never returns to Node's event loop.
#pragma once

#include <unordered_map>

#include "callback.h"

namespace ct {

// Behind each handle.
struct TensorBox {
  uint64_t magic;
  at::Tensor tensor;
  void* storage = nullptr;
  std::shared_ptr<MemoryLedger> ledger;
  napi_ref handle = nullptr;  // weak
  // Weak callbacks that are reached from here, and whether the handle keeps functions alive.
  std::vector<std::weak_ptr<Callback>> weak;
  bool linked = false;
};

// Takes a box out of the ledger and frees its tensor.
void leave(TensorBox& box);

// Node runs finalizers of Node-API from its event loop. So handles have none, but weak references, which are looked through
// after each garbage collection: by the next call into here, or from the event loop. A collection is noticed by an
// object that only it can have taken away.
//
// A hook or a function's backward may itself hold tensors from which LibTorch's graph leads back to it: a ring through native
// memory, of which V8 sees no more than the two ends. Behind each collection the graph is followed from all handles to the
// callbacks in it; each of these handles is then made to keep the functions alive, as V8 understands it (a WeakMap), and the
// reference that the graph has is made weak. Whoever uses such a handle, and so may hang more on the graph, makes it strong.
class Collector : public std::enable_shared_from_this<Collector> {
 public:
  void add(napi_env env, TensorBox* box, napi_value handle);
  // Before anything else in a call: LibTorch then owns nothing that no handle reaches.
  void poll(napi_env env);
  void close();

  // A callback of a graph node, or of a leaf: `place` is the one or the other.
  void hold(const void* place, const std::shared_ptr<Callback>& callback) { callbacks_[place].push_back(callback); }
  static void use(TensorBox& box);

  // Backward passes in progress: the graph then has owners beside handles.
  int passes = 0;

 private:
  using Found = std::vector<std::shared_ptr<Callback>>;
  static void collected(napi_env env, void* data, void*);
  void sweep(napi_env env);
  void watch(napi_env env);
  void link(napi_env env);
  void keep(napi_env env, TensorBox& box, const Found& found);

  std::vector<TensorBox*> boxes_;
  napi_ref witness_ = nullptr;
  napi_ref heldFunctions_ = nullptr;  // WeakMap of handles to the functions that they keep alive
  std::unordered_map<const void*, std::vector<std::weak_ptr<Callback>>> callbacks_;
  bool linked_ = false;
  bool closed_ = false;
};

// What a node whose backward is a JS function reaches by the tensors that it saved.
using Places = std::vector<std::shared_ptr<torch::autograd::Node>>;
Places savedHistory(const torch::autograd::Node& node);

}  // namespace ct
