#include "collector.h"

#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <algorithm>
#include <unordered_set>

namespace ct {
namespace {

using torch::autograd::AccumulateGrad;
using torch::autograd::Node;

// LibTorch's autograd graph as far as handles reach it. Its places are nodes and tensors.
class Graph {
 public:
  void explore(const at::Tensor& tensor) {
    arrive(nullptr, tensor);
    while (!open_.empty()) {
      const Node* node = open_.back();
      open_.pop_back();
      for (const auto& edge : node->next_edges()) arrive(node, edge.function.get());
      for (const auto& other : savedHistory(*node)) arrive(node, other.get());
      if (const auto* leaf = dynamic_cast<const AccumulateGrad*>(node)) arrive(node, leaf->variable);
    }
  }

  // Marks the places from which one of `wanted` is reached.
  template <typename Map>
  void mark(const Map& wanted) {
    std::vector<const void*> open;
    for (const auto& entry : wanted) open.push_back(entry.first);
    while (!open.empty()) {
      const void* place = open.back();
      open.pop_back();
      if (!marked_.insert(place).second) continue;
      const auto before = previous_.find(place);
      if (before != previous_.end()) open.insert(open.end(), before->second.begin(), before->second.end());
    }
  }

  // Calls `body` for each marked place that is reached from this one.
  template <typename Body>
  void forMarked(const void* start, const Body& body) const {
    std::vector<const void*> open{start};
    std::unordered_set<const void*> seen;
    while (!open.empty()) {
      const void* place = open.back();
      open.pop_back();
      if (marked_.count(place) == 0 || !seen.insert(place).second) continue;
      body(place);
      const auto after = next_.find(place);
      if (after != next_.end()) open.insert(open.end(), after->second.begin(), after->second.end());
    }
  }

 private:
  bool isNew(const void* from, const void* place) {
    if (from != nullptr) {
      next_[from].push_back(place);
      previous_[place].push_back(from);
    }
    return seen_.insert(place).second;
  }

  void arrive(const void* from, const Node* node) {
    if (node != nullptr && isNew(from, node)) open_.push_back(node);
  }

  void arrive(const void* from, const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    const void* place = tensor.unsafeGetTensorImpl();
    if (!isNew(from, place)) return;
    const auto* meta = torch::autograd::impl::get_autograd_meta(tensor);
    if (meta == nullptr) return;
    arrive(place, meta->grad_fn_.get());
    if (meta->grad_.defined()) arrive(place, meta->grad_);
    const auto* view = torch::autograd::impl::get_view_autograd_meta(tensor);
    if (view != nullptr && view->has_bw_view()) arrive(place, view->get_backward_view().base_);
  }

  std::vector<const Node*> open_;
  std::unordered_set<const void*> seen_, marked_;
  std::unordered_map<const void*, std::vector<const void*>> next_, previous_;
};

}  // namespace

Env::Env() : collector(std::make_shared<Collector>()) {}

Env::~Env() {
  collector->close();
  releases->close();
}

void Collector::add(napi_env env, TensorBox* box, napi_value handle) {
  napi_create_reference(env, handle, 0, &box->handle);
  boxes_.push_back(box);
}

void Collector::poll(napi_env env) {
  if (closed_) return;
  // Holds what is visited for as long as the scope: a collection that begins in this call must not free it.
  Napi::HandleScope scope(env);
  napi_value alive = nullptr;
  if (witness_ != nullptr) napi_get_reference_value(env, witness_, &alive);
  if (alive != nullptr) return;
  sweep(env);
  if (passes == 0) link(env);
  watch(env);
}

void Collector::close() {
  closed_ = true;
  for (TensorBox* box : boxes_) {
    leave(*box);
    delete box;
  }
  boxes_.clear();
}

void Collector::collected(napi_env env, void* data, void*) {
  const std::unique_ptr<std::shared_ptr<Collector>> self(static_cast<std::shared_ptr<Collector>*>(data));
  try {
    (*self)->poll(env);
  } catch (const std::exception&) {
    // The worker is being terminated.
  }
}

void Collector::watch(napi_env env) {
  if (witness_ != nullptr) napi_delete_reference(env, witness_);
  witness_ = nullptr;
  auto self = std::make_unique<std::shared_ptr<Collector>>(shared_from_this());
  napi_value witness = nullptr;
  if (napi_create_external(env, self.get(), collected, nullptr, &witness) != napi_ok) return;
  self.release();
  napi_create_reference(env, witness, 0, &witness_);
}

void Collector::sweep(napi_env env) {
  constexpr size_t kScope = 1024;
  size_t kept = 0;
  std::vector<TensorBox*> lost;
  for (size_t begin = 0; begin < boxes_.size(); begin += kScope) {
    Napi::HandleScope scope(env);
    for (size_t i = begin; i < std::min(boxes_.size(), begin + kScope); i++) {
      napi_value handle = nullptr;
      napi_get_reference_value(env, boxes_[i]->handle, &handle);
      if (handle != nullptr) boxes_[kept++] = boxes_[i];
      else lost.push_back(boxes_[i]);
    }
  }
  boxes_.resize(kept);
  for (TensorBox* box : lost) {
    const std::shared_ptr<MemoryLedger> ledger = box->ledger;
    const int64_t before = ledger->bytes;
    napi_delete_reference(env, box->handle);
    leave(*box);
    ledger->collected += before - ledger->bytes;
    box->magic = 0;
    delete box;
  }
}

void Collector::link(napi_env env) {
  for (auto entry = callbacks_.begin(); entry != callbacks_.end();) {
    auto& held = entry->second;
    held.erase(std::remove_if(held.begin(), held.end(), [](const auto& callback) { return callback.expired(); }), held.end());
    entry = held.empty() ? callbacks_.erase(entry) : std::next(entry);
  }
  if (callbacks_.empty() && !linked_) return;
  linked_ = false;
  Graph graph;
  for (const TensorBox* box : boxes_) {
    if (box->tensor.defined()) graph.explore(box->tensor);
  }
  graph.mark(callbacks_);
  Found reached;
  for (TensorBox* box : boxes_) {
    Found found;
    if (box->tensor.defined()) {
      graph.forMarked(box->tensor.unsafeGetTensorImpl(), [&](const void* place) {
        const auto held = callbacks_.find(place);
        if (held == callbacks_.end()) return;
        for (const auto& callback : held->second) {
          if (auto alive = callback.lock()) found.push_back(std::move(alive));
        }
      });
    }
    if (!found.empty() || box->linked) keep(env, *box, found);
    linked_ = linked_ || box->linked;
    reached.insert(reached.end(), found.begin(), found.end());
  }
  for (const auto& callback : reached) callback->weaken();
}

// Makes the handle the owner of these functions, in place of those before.
void Collector::keep(napi_env env, TensorBox& box, const Found& found) {
  Napi::HandleScope scope(env);
  Napi::Env js(env);
  napi_value handle = nullptr;
  napi_get_reference_value(env, box.handle, &handle);
  if (handle == nullptr) return;
  if (heldFunctions_ == nullptr) {
    napi_value map = js.Global().Get("WeakMap").As<Napi::Function>().New({});
    napi_create_reference(env, map, 1, &heldFunctions_);
  }
  napi_value map = nullptr;
  napi_get_reference_value(env, heldFunctions_, &map);
  Napi::Array functions = Napi::Array::New(env);
  for (const auto& callback : found) {
    if (const napi_value function = callback->function()) functions.Set(functions.Length(), Napi::Value(env, function));
  }
  Napi::Object weakMap(env, map);
  weakMap.Get("set").As<Napi::Function>().Call(weakMap, {handle, functions});
  box.weak.assign(found.begin(), found.end());
  box.linked = !found.empty();
}

void Collector::use(TensorBox& box) {
  for (const auto& callback : box.weak) {
    if (const auto alive = callback.lock()) alive->strengthen();
  }
  box.weak.clear();
}

}  // namespace ct
