// Backward, gradients, hooks, and graph nodes whose backward is a JS function.
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "collector.h"
#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "values.h"

namespace ct {
namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

napi_value wrapAll(napi_env env, const variable_list& tensors) {
  napi_value array = nullptr;
  napi_create_array_with_length(env, tensors.size(), &array);
  for (size_t i = 0; i < tensors.size(); i++) napi_set_element(env, array, i, wrapTensor(env, tensors[i]));
  return array;
}

// A graph node whose backward is JS: (gradients, saved tensors) => gradients of the inputs, null where there is none.
struct JsNode : public torch::autograd::Node {
  JsNode(std::shared_ptr<Callback> callback, std::string label)
      : callback_(std::move(callback)), label_(std::move(label)) {}

  void save(const variable_list& tensors, const std::vector<bool>& isOutput) {
    for (size_t i = 0; i < tensors.size(); i++) {
      saved_.emplace_back(tensors[i], isOutput[i]);
      if (tensors[i].defined() && !isOutput[i]) history.push_back(tensors[i].grad_fn());
    }
  }

  // Nodes that the saved tensors keep alive.
  Places history;

  variable_list apply(variable_list&& gradients) override {
    if (released_) {
      throw std::runtime_error(
          "Trying to backward through the graph a second time (or directly access saved tensors after they have "
          "already been freed). Specify retainGraph: true if you need to backward through the graph a second time.");
    }
    variable_list saved;
    auto self = shared_from_this();
    for (const SavedVariable& variable : saved_) saved.push_back(variable.unpack(self));
    variable_list results;
    callback_->call(
        [&](napi_env env) -> std::vector<napi_value> { return {wrapAll(env, gradients), wrapAll(env, saved)}; },
        [&](napi_env env, napi_value value) { results = tensorsOf(env, value); });
    return results;
  }

  std::string name() const override { return label_; }

  void release_variables() override {
    if (!saved_.empty()) released_ = true;
    saved_.clear();
    history.clear();
  }

 private:
  std::shared_ptr<Callback> callback_;
  std::string label_;
  std::vector<SavedVariable> saved_;
  bool released_ = false;
};

bool contains(const variable_list& tensors, const at::Tensor& tensor) {
  for (const at::Tensor& other : tensors) {
    if (other.is_same(tensor)) return true;
  }
  return false;
}

// attachNode(inputs, outputs, differentiable[], saved, backward, name) -> the outputs, now with history. An output that
// is an input or a view is replaced by an alias, so that the history of the original does not change.
Napi::Value attachNode(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  const variable_list inputs = tensorsOf(env, info[0]);
  variable_list outputs = tensorsOf(env, info[1]);
  Napi::Array differentiable = info[2].As<Napi::Array>();
  const variable_list saved = tensorsOf(env, info[3]);
  auto callback = std::make_shared<Callback>(env, info[4]);
  auto node = std::shared_ptr<JsNode>(new JsNode(callback, stringOf(env, info[5])), torch::autograd::deleteNode);
  envOf(env).collector->hold(static_cast<torch::autograd::Node*>(node.get()), callback);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  const variable_list original = outputs;
  for (size_t i = 0; i < outputs.size(); i++) {
    if (!outputs[i].defined()) continue;
    if (contains(inputs, outputs[i]) || outputs[i].is_view()) {
      outputs[i] = torch::autograd::make_variable(outputs[i], false);
    }
    const bool wanted = differentiable.Get(i).ToBoolean() && torch::autograd::isDifferentiableType(outputs[i].scalar_type());
    if (wanted) {
      torch::autograd::set_history(outputs[i], node);
    } else {
      node->add_input_metadata(torch::autograd::Node::undefined_input());
    }
  }
  variable_list toSave;
  std::vector<bool> isOutput;
  for (const at::Tensor& tensor : saved) {
    size_t at = outputs.size();
    for (size_t i = 0; i < original.size(); i++) {
      if (original[i].is_same(tensor)) at = i;
    }
    const bool output = at < outputs.size() && !contains(inputs, tensor);
    toSave.push_back(output ? outputs[at] : tensor);
    isOutput.push_back(output && outputs[at].grad_fn() == node);
  }
  node->save(toSave, isOutput);
  return Napi::Value(env, wrapAll(env, outputs));
}

struct PassInProgress {
  explicit PassInProgress(Collector& collector) : collector(collector) { collector.passes++; }
  ~PassInProgress() { collector.passes--; }
  Collector& collector;
};

// Runs a backward pass. Over accelerators, hooks and JS nodes are reached on LibTorch's threads: see CallbackPump.
void runBackward(Napi::Env env, const variable_list& roots, bool forcePump, const std::function<void()>& work) {
  bool accelerator = forcePump;
  for (const at::Tensor& root : roots) accelerator = accelerator || (root.defined() && !root.device().is_cpu());
  const PassInProgress pass(*envOf(env).collector);
  if (!accelerator || envOf(env).callbacks->load() == 0) return work();
  CallbackPump pump;
  CallbackPump* outer = currentPump(env);
  currentPump(env) = &pump;
  try {
    pump.run(work);
  } catch (...) {
    currentPump(env) = outer;
    throw;
  }
  currentPump(env) = outer;
}

variable_list optionalTensors(napi_env env, const Napi::Value& value) {
  return value.IsArray() ? tensorsOf(env, value) : variable_list();
}

// backward(tensors, gradients | null, retainGraph, createGraph, inputs | null, onHelperThread?)
Napi::Value backward(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  const variable_list tensors = tensorsOf(env, info[0]);
  const variable_list gradients = optionalTensors(env, info[1]);
  const bool retain = info[2].ToBoolean();
  const bool create = info[3].ToBoolean();
  const variable_list inputs = optionalTensors(env, info[4]);
  runBackward(info.Env(), tensors, info[5].ToBoolean(),
              [&] { torch::autograd::backward(tensors, gradients, retain, create, inputs); });
  return info.Env().Undefined();
}

// grad(outputs, inputs, gradients | null, retainGraph, createGraph, allowUnused) -> tensors, null where unused
Napi::Value gradOf(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  const variable_list outputs = tensorsOf(env, info[0]);
  const variable_list inputs = tensorsOf(env, info[1]);
  const variable_list gradients = optionalTensors(env, info[2]);
  const bool retain = info[3].ToBoolean();
  const bool create = info[4].ToBoolean();
  const bool allowUnused = info[5].ToBoolean();
  variable_list results;
  runBackward(info.Env(), outputs, false, [&] {
    results = torch::autograd::grad(outputs, inputs, gradients, retain, create, allowUnused);
  });
  return Napi::Value(env, wrapAll(env, results));
}

Napi::Value requiresGrad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), tensorOf(info.Env(), info[0]).requires_grad());
}

Napi::Value setRequiresGrad(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensorOf(info.Env(), info[0]);
  const bool value = info[1].ToBoolean();
  if (!value && !tensor.is_leaf()) {
    fail("requiresGrad of a tensor that was computed cannot be turned off: use detach()");
  }
  tensor.set_requires_grad(value);
  return info.Env().Undefined();
}

Napi::Value isLeaf(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), tensorOf(info.Env(), info[0]).is_leaf());
}

Napi::Value gradFnName(const Napi::CallbackInfo& info) {
  auto node = tensorOf(info.Env(), info[0]).grad_fn();
  if (!node) return info.Env().Null();
  return Napi::String::New(info.Env(), node->name());
}

Napi::Value retainGrad(const Napi::CallbackInfo& info) {
  tensorOf(info.Env(), info[0]).retain_grad();
  return info.Env().Undefined();
}

// gradient(tensor, known | null) -> true when it is the known one, null when there is none, else a new handle
Napi::Value gradient(const Napi::CallbackInfo& info) {
  const at::Tensor& value = tensorOf(info.Env(), info[0]).grad();
  if (!value.defined()) return info.Env().Null();
  if (!info[1].IsNull() && tensorOf(info.Env(), info[1]).is_same(value)) return Napi::Boolean::New(info.Env(), true);
  return Napi::Value(info.Env(), wrapTensor(info.Env(), value));
}

Napi::Value setGradient(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensorOf(info.Env(), info[0]);
  at::Tensor value = optionalTensorOf(info.Env(), info[1]);
  if (value.defined()) {
    if (value.sizes() != tensor.sizes()) fail("assigned grad has data of a different size");
    if (value.device() != tensor.device()) fail("assigned grad has data located on a different device");
  }
  const_cast<at::Tensor&>(tensor).mutable_grad() = value;
  return info.Env().Undefined();
}

// registerHook(tensor, gradient => gradient | undefined) -> its number
Napi::Value registerHook(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = tensorOf(info.Env(), info[0]);
  if (!tensor.requires_grad()) fail("cannot register a hook on a tensor that doesn't require gradient");
  auto callback = std::make_shared<Callback>(info.Env(), info[1]);
  const unsigned position = tensor.register_hook([callback](at::Tensor gradient) -> at::Tensor {
    at::Tensor result;
    callback->call([&](napi_env env) -> std::vector<napi_value> { return {wrapTensor(env, gradient)}; },
                   [&](napi_env env, napi_value value) { result = optionalTensorOf(env, value); });
    return result;
  });
  const auto node = tensor.grad_fn();
  envOf(info.Env()).collector->hold(
      node ? static_cast<const void*>(node.get()) : static_cast<const void*>(tensor.unsafeGetTensorImpl()), callback);
  return Napi::Number::New(info.Env(), position);
}

Napi::Value removeHook(const Napi::CallbackInfo& info) {
  tensorOf(info.Env(), info[0]).remove_hook(info[1].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

Napi::Value setAnomaly(const Napi::CallbackInfo& info) {
  torch::autograd::AnomalyMode::set_enabled(info[0].ToBoolean(), info[1].ToBoolean());
  return info.Env().Undefined();
}

}  // namespace

Places savedHistory(const torch::autograd::Node& node) {
  const auto* ours = dynamic_cast<const JsNode*>(&node);
  return ours == nullptr ? Places() : ours->history;
}

void registerAutograd(Napi::Env env, Napi::Object exports) {
  exports.Set("attachNode", Napi::Function::New<guarded<attachNode>>(env));
  exports.Set("backward", Napi::Function::New<guarded<backward>>(env));
  exports.Set("grad", Napi::Function::New<guarded<gradOf>>(env));
  exports.Set("requiresGrad", Napi::Function::New<guarded<requiresGrad>>(env));
  exports.Set("setRequiresGrad", Napi::Function::New<guarded<setRequiresGrad>>(env));
  exports.Set("isLeaf", Napi::Function::New<guarded<isLeaf>>(env));
  exports.Set("gradFnName", Napi::Function::New<guarded<gradFnName>>(env));
  exports.Set("retainGrad", Napi::Function::New<guarded<retainGrad>>(env));
  exports.Set("gradient", Napi::Function::New<guarded<gradient>>(env));
  exports.Set("setGradient", Napi::Function::New<guarded<setGradient>>(env));
  exports.Set("registerHook", Napi::Function::New<guarded<registerHook>>(env));
  exports.Set("removeHook", Napi::Function::New<guarded<removeHook>>(env));
  exports.Set("setAnomaly", Napi::Function::New<guarded<setAnomaly>>(env));
}

}  // namespace ct
