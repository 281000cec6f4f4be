// Any operator of LibTorch by name: the schema is looked up once, arguments are converted by its types.
#include <torch/library.h>

#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "values.h"

namespace ct {
namespace {

napi_value kindOfReturn(napi_env env, const c10::TypePtr& type) {
  const char* kind = "other";
  if (type->kind() == c10::TypeKind::TensorType) kind = "tensor";
  if (type->kind() == c10::TypeKind::ListType) {
    auto element = type->castRaw<c10::ListType>()->getElementType()->kind();
    if (element == c10::TypeKind::TensorType || element == c10::TypeKind::OptionalType) kind = "tensors";
  }
  return Napi::String::New(env, kind);
}

// The argument that a return value is, for in-place and out= operators; else -1.
int aliasOf(const c10::FunctionSchema& schema, const c10::Argument& result) {
  if (result.alias_info() == nullptr || !result.alias_info()->isWrite()) return -1;
  for (size_t i = 0; i < schema.arguments().size(); i++) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias != nullptr && alias->isWrite() && alias->beforeSets() == result.alias_info()->beforeSets()) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

Napi::Value describeDefault(Napi::Env env, const c10::IValue& value) {
  if (value.isTensor()) return env.Null();
  try {
    return Napi::Value(env, fromIValue(env, value));
  } catch (const std::exception&) {
    return env.Null();
  }
}

Napi::Object describeSchema(Napi::Env env, const c10::OperatorHandle& handle, uint32_t index) {
  const c10::FunctionSchema& schema = handle.schema();
  Napi::Object result = Napi::Object::New(env);
  result.Set("index", index);
  result.Set("name", schema.name());
  result.Set("overload", schema.overload_name());
  result.Set("text", c10::toString(schema));
  Napi::Array arguments = Napi::Array::New(env, schema.arguments().size());
  for (size_t i = 0; i < schema.arguments().size(); i++) {
    const c10::Argument& argument = schema.arguments()[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", argument.name());
    entry.Set("type", argument.type()->str());
    entry.Set("real", argument.real_type()->str());
    entry.Set("fixedLength", argument.N() ? Napi::Value(Napi::Number::New(env, *argument.N())) : env.Null());
    entry.Set("keywordOnly", argument.kwarg_only());
    entry.Set("hasDefault", argument.default_value().has_value());
    if (argument.default_value()) entry.Set("default", describeDefault(env, *argument.default_value()));
    arguments.Set(i, entry);
  }
  result.Set("arguments", arguments);
  Napi::Array returns = Napi::Array::New(env, schema.returns().size());
  for (size_t i = 0; i < schema.returns().size(); i++) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("kind", Napi::Value(env, kindOfReturn(env, schema.returns()[i].type())));
    entry.Set("type", schema.returns()[i].type()->str());
    entry.Set("aliasOf", aliasOf(schema, schema.returns()[i]));
    returns.Set(i, entry);
  }
  result.Set("returns", returns);
  return result;
}

uint32_t indexOf(Env& data, const c10::OperatorHandle& handle) {
  const std::string key = c10::toString(handle.operator_name());
  auto found = data.operatorIndex.find(key);
  if (found != data.operatorIndex.end()) return found->second;
  const uint32_t index = static_cast<uint32_t>(data.operators.size());
  data.operators.push_back(handle);
  data.operatorIndex.emplace(key, index);
  return index;
}

// overloads("aten::add") -> the schemas of all its overloads, in the order of registration.
Napi::Value overloads(const Napi::CallbackInfo& info) {
  const std::string name = stringOf(info.Env(), info[0]);
  Env& data = envOf(info.Env());
  Napi::Array result = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (const c10::OperatorName& full : c10::Dispatcher::singleton().getAllOpNames()) {
    if (full.name != name) continue;
    auto handle = c10::Dispatcher::singleton().findSchema(full);
    if (!handle) continue;
    result.Set(count++, describeSchema(info.Env(), *handle, indexOf(data, *handle)));
  }
  return result;
}

// operator("aten::add", "Tensor") -> one schema, or null.
Napi::Value oneOperator(const Napi::CallbackInfo& info) {
  auto handle = c10::Dispatcher::singleton().findSchema(
      {stringOf(info.Env(), info[0]), stringOf(info.Env(), info[1])});
  if (!handle) return info.Env().Null();
  return describeSchema(info.Env(), *handle, indexOf(envOf(info.Env()), *handle));
}

Napi::Value operatorNames(const Napi::CallbackInfo& info) {
  Napi::Array result = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    if (c10::Dispatcher::singleton().findSchema(name)) result.Set(count++, c10::toString(name));
  }
  return result;
}

// call(index, [arguments]) -> the result, or an array of them when the schema has several.
Napi::Value call(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  const uint32_t index = info[0].As<Napi::Number>().Uint32Value();
  const c10::OperatorHandle& handle = envOf(env).operators.at(index);
  const std::vector<c10::Argument>& arguments = handle.schema().arguments();
  const napi_value values = info[1];
  torch::jit::Stack stack;
  stack.reserve(arguments.size());
  for (size_t i = 0; i < arguments.size(); i++) {
    napi_value value = nullptr;
    napi_get_element(env, values, static_cast<uint32_t>(i), &value);
    stack.push_back(toIValue(env, value, arguments[i]));
  }
  handle.callBoxed(&stack);
  if (stack.empty()) return info.Env().Undefined();
  if (stack.size() == 1) return Napi::Value(env, fromIValue(env, stack[0]));
  napi_value results = nullptr;
  napi_create_array_with_length(env, stack.size(), &results);
  for (size_t i = 0; i < stack.size(); i++) napi_set_element(env, results, i, fromIValue(env, stack[i]));
  return Napi::Value(env, results);
}

}  // namespace

void registerCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("overloads", Napi::Function::New<guarded<overloads>>(env));
  exports.Set("operator", Napi::Function::New<guarded<oneOperator>>(env));
  exports.Set("operatorNames", Napi::Function::New<guarded<operatorNames>>(env));
  exports.Set("call", Napi::Function::New<guarded<call>>(env));
}

}  // namespace ct
