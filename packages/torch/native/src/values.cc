#include "values.h"

#include <cmath>

#include "errors.h"
#include "generator.h"
#include "handle.h"
#include "names.h"

namespace ct {
namespace {

napi_valuetype typeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

bool isNullish(napi_valuetype type) {
  return type == napi_null || type == napi_undefined;
}

bool isArray(napi_env env, napi_value value) {
  bool result = false;
  napi_is_array(env, value, &result);
  return result;
}

std::string describe(napi_env env, napi_value value) {
  if (isArray(env, value)) return "an array";
  const auto withText = [&](const char* type) {
    napi_value coerced = nullptr;
    if (napi_coerce_to_string(env, value, &coerced) != napi_ok) return std::string(type);
    std::string text = stringOf(env, coerced);
    if (text.size() > 40) text = text.substr(0, 40) + "...";
    return std::string(type) + " " + (typeOf(env, value) == napi_string ? "\"" + text + "\"" : text);
  };
  switch (typeOf(env, value)) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return withText("boolean");
    case napi_number: return withText("number");
    case napi_string: return withText("string");
    case napi_bigint: return withText("bigint");
    case napi_external: return "a tensor";
    case napi_function: return "a function";
    default: return "an object";
  }
}

[[noreturn]] void refuse(napi_env env, napi_value value, const c10::Argument& argument, const std::string& expected) {
  fail("argument '" + argument.name() + "': expected " + expected + ", received " + describe(env, value));
}

double doubleOf(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) return number;
  if (typeOf(env, value) == napi_bigint) return static_cast<double>(int64Of(env, value));
  fail("expected a number, received " + describe(env, value));
}

bool boolOf(napi_env env, napi_value value) {
  bool result = false;
  if (napi_get_value_bool(env, value, &result) != napi_ok) {
    fail("expected a boolean, received " + describe(env, value));
  }
  return result;
}

at::Scalar scalarOf(napi_env env, napi_value value, const c10::Argument& argument) {
  switch (typeOf(env, value)) {
    case napi_number: {
      double number = 0;
      napi_get_value_double(env, value, &number);
      // JS has one number type: an integral value is an integer, as a Python user would have written it.
      if (std::trunc(number) == number && std::abs(number) <= 9007199254740992.0 && !std::signbit(number == 0 ? number : 1)) {
        return at::Scalar(static_cast<int64_t>(number));
      }
      return at::Scalar(number);
    }
    case napi_bigint: return at::Scalar(int64Of(env, value));
    case napi_boolean: return at::Scalar(boolOf(env, value));
    case napi_external: return tensorOf(env, value).item();
    default: refuse(env, value, argument, "a number");
  }
}

int64_t intArgument(napi_env env, napi_value value, const c10::Argument& argument) {
  switch (typeOf(env, value)) {
    case napi_boolean: return boolOf(env, value);
    case napi_string: {
      const std::string name = stringOf(env, value);
      const int64_t number = enumValueOf(name);
      if (number < 0) refuse(env, value, argument, "a dtype, layout or memory format");
      return number;
    }
    case napi_number:
    case napi_bigint: return int64Of(env, value);
    default: refuse(env, value, argument, "an integer");
  }
}

template <typename T, typename Convert>
c10::List<T> listOf(napi_env env, napi_value value, const c10::Argument& argument, const char* what, Convert convert) {
  c10::List<T> list;
  if (!isArray(env, value)) {
    // `int[2] stride=1`: a single number stands for all of a list of fixed length.
    const auto length = argument.N();
    if (!length || isNullish(typeOf(env, value))) refuse(env, value, argument, what);
    for (int64_t i = 0; i < *length; i++) list.push_back(convert(value));
    return list;
  }
  uint32_t length = 0;
  napi_get_array_length(env, value, &length);
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    napi_get_element(env, value, i, &element);
    list.push_back(convert(element));
  }
  return list;
}

c10::IValue listArgument(napi_env env, napi_value value, const c10::Argument& argument, const c10::TypePtr& element) {
  switch (element->kind()) {
    case c10::TypeKind::TensorType:
      return listOf<at::Tensor>(env, value, argument, "an array of tensors",
                                [&](napi_value v) -> at::Tensor { return tensorOf(env, v); });
    case c10::TypeKind::OptionalType:
      return listOf<c10::optional<at::Tensor>>(env, value, argument, "an array of tensors and nulls",
                                               [&](napi_value v) -> c10::optional<at::Tensor> {
                                                 if (isNullish(typeOf(env, v))) return c10::nullopt;
                                                 return tensorOf(env, v);
                                               });
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return listOf<int64_t>(env, value, argument, "an array of integers",
                             [&](napi_value v) -> int64_t { return intArgument(env, v, argument); });
    case c10::TypeKind::FloatType:
      return listOf<double>(env, value, argument, "an array of numbers",
                            [&](napi_value v) -> double { return doubleOf(env, v); });
    case c10::TypeKind::BoolType:
      return listOf<bool>(env, value, argument, "an array of booleans",
                          [&](napi_value v) -> bool { return boolOf(env, v); });
    case c10::TypeKind::NumberType: {
      c10::impl::GenericList list(c10::NumberType::get());
      listOf<int64_t>(env, value, argument, "an array of numbers", [&](napi_value v) -> int64_t {
        list.push_back(c10::IValue(scalarOf(env, v, argument)));
        return 0;
      });
      return list;
    }
    case c10::TypeKind::StringType:
      return listOf<std::string>(env, value, argument, "an array of strings",
                                 [&](napi_value v) -> std::string { return stringOf(env, v); });
    default:
      fail("argument '" + argument.name() + "': lists of " + element->str() + " cannot be passed from JavaScript");
  }
}

c10::IValue convert(napi_env env, napi_value value, const c10::Argument& argument, const c10::TypePtr& type) {
  const napi_valuetype jsType = typeOf(env, value);
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      if (jsType != napi_external) refuse(env, value, argument, "a tensor");
      return tensorOf(env, value);
    case c10::TypeKind::OptionalType:
      if (isNullish(jsType)) return c10::IValue();
      return convert(env, value, argument, type->castRaw<c10::OptionalType>()->getElementType());
    case c10::TypeKind::ListType:
      return listArgument(env, value, argument, type->castRaw<c10::ListType>()->getElementType());
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return intArgument(env, value, argument);
    case c10::TypeKind::FloatType:
      if (jsType != napi_number && jsType != napi_bigint) refuse(env, value, argument, "a number");
      return doubleOf(env, value);
    case c10::TypeKind::BoolType:
      if (jsType == napi_number) return doubleOf(env, value) != 0;
      if (jsType != napi_boolean) refuse(env, value, argument, "a boolean");
      return boolOf(env, value);
    case c10::TypeKind::NumberType: return c10::IValue(scalarOf(env, value, argument));
    case c10::TypeKind::StringType:
      if (jsType != napi_string) refuse(env, value, argument, "a string");
      return stringOf(env, value);
    case c10::TypeKind::DeviceObjType:
      if (jsType != napi_string) refuse(env, value, argument, "a device such as \"cpu\" or \"cuda:0\"");
      return c10::Device(stringOf(env, value));
    case c10::TypeKind::GeneratorType:
      if (jsType != napi_external) refuse(env, value, argument, "a generator");
      return generatorOf(env, value);
    default:
      if (isNullish(jsType)) return c10::IValue();
      fail("argument '" + argument.name() + "' of type " + type->str() + " cannot be passed from JavaScript");
  }
}

napi_value number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value text(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

}  // namespace

std::string stringOf(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    fail("expected a string, received " + describe(env, value));
  }
  std::string result(length, '\0');
  napi_get_value_string_utf8(env, value, &result[0], length + 1, &length);
  return result;
}

int64_t int64Of(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (std::trunc(number) != number) fail("expected an integer, received " + describe(env, value));
    // LibTorch's "to the end" is INT64_MAX, which a JS number can only approximate.
    if (number >= 9223372036854775807.0) return std::numeric_limits<int64_t>::max();
    // Below this LibTorch takes an integer for a symbolic one.
    if (number < -9223372036854775808.0) return -(int64_t{1} << 60);
    return static_cast<int64_t>(number);
  }
  int64_t integer = 0;
  bool lossless = true;
  if (napi_get_value_bigint_int64(env, value, &integer, &lossless) == napi_ok) return integer;
  fail("expected an integer, received " + describe(env, value));
}

std::vector<int64_t> int64sOf(napi_env env, napi_value array) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) fail("expected an array of integers");
  std::vector<int64_t> values(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    napi_get_element(env, array, i, &element);
    values[i] = int64Of(env, element);
  }
  return values;
}

napi_value toArray(napi_env env, at::IntArrayRef values) {
  napi_value array = nullptr;
  napi_create_array_with_length(env, values.size(), &array);
  for (size_t i = 0; i < values.size(); i++) {
    napi_set_element(env, array, i, number(env, static_cast<double>(values[i])));
  }
  return array;
}

c10::IValue toIValue(napi_env env, napi_value value, const c10::Argument& argument) {
  if (typeOf(env, value) == napi_undefined) {
    if (argument.default_value()) return *argument.default_value();
    if (argument.type()->kind() == c10::TypeKind::OptionalType) return c10::IValue();
    fail("argument '" + argument.name() + "' (" + argument.type()->str() + ") is missing");
  }
  return convert(env, value, argument, argument.type());
}

napi_value fromIValue(napi_env env, const c10::IValue& value) {
  if (value.isTensor()) return wrapTensor(env, value.toTensor());
  if (value.isInt()) return number(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return number(env, value.toDouble());
  if (value.isString()) return text(env, value.toStringRef());
  if (value.isDevice()) return text(env, value.toDevice().str());
  napi_value result = nullptr;
  if (value.isNone()) {
    napi_get_null(env, &result);
    return result;
  }
  if (value.isBool()) {
    napi_get_boolean(env, value.toBool(), &result);
    return result;
  }
  if (value.isSymInt()) fail("a symbolic size cannot be passed to JavaScript");
  if (value.isTuple() || value.isList()) {
    std::vector<c10::IValue> elements;
    if (value.isTuple()) {
      for (const c10::IValue& element : value.toTupleRef().elements()) elements.push_back(element);
    } else {
      elements = value.toListRef().vec();
    }
    napi_create_array_with_length(env, elements.size(), &result);
    for (size_t i = 0; i < elements.size(); i++) napi_set_element(env, result, i, fromIValue(env, elements[i]));
    return result;
  }
  fail("a result of type " + value.tagKind() + " cannot be passed to JavaScript");
}

Memory memoryOf(napi_env env, napi_value view) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, view, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    fail("expected a Uint8Array");
  }
  return {static_cast<char*>(data), length};
}

}  // namespace ct
