#include "names.h"

#include "errors.h"

namespace ct {
namespace {

struct Named {
  const char* name;
  int value;
};

constexpr Named kDtypes[] = {
    {"float32", (int)at::ScalarType::Float},
    {"float64", (int)at::ScalarType::Double},
    {"bfloat16", (int)at::ScalarType::BFloat16},
    {"float16", (int)at::ScalarType::Half},
    {"int64", (int)at::ScalarType::Long},
    {"int32", (int)at::ScalarType::Int},
    {"int16", (int)at::ScalarType::Short},
    {"int8", (int)at::ScalarType::Char},
    {"uint8", (int)at::ScalarType::Byte},
    {"bool", (int)at::ScalarType::Bool},
    {"complex64", (int)at::ScalarType::ComplexFloat},
    {"complex128", (int)at::ScalarType::ComplexDouble},
};

constexpr Named kOthers[] = {
    {"strided", (int)at::Layout::Strided},
    {"sparse", (int)at::Layout::Sparse},
    {"sparse_coo", (int)at::Layout::Sparse},
    {"sparse_csr", (int)at::Layout::SparseCsr},
    {"mkldnn", (int)at::Layout::Mkldnn},
    {"contiguous", (int)at::MemoryFormat::Contiguous},
    {"preserve", (int)at::MemoryFormat::Preserve},
    {"channels_last", (int)at::MemoryFormat::ChannelsLast},
    {"channels_last_3d", (int)at::MemoryFormat::ChannelsLast3d},
};

}  // namespace

const char* dtypeName(at::ScalarType type) {
  for (const Named& named : kDtypes) {
    if (named.value == (int)type) return named.name;
  }
  return c10::toString(type);
}

at::ScalarType dtypeOf(const std::string& name) {
  for (const Named& named : kDtypes) {
    if (name == named.name) return static_cast<at::ScalarType>(named.value);
  }
  fail("expected a dtype, received '" + name + "'");
}

int64_t enumValueOf(const std::string& name) {
  for (const Named& named : kDtypes) {
    if (name == named.name) return named.value;
  }
  for (const Named& named : kOthers) {
    if (name == named.name) return named.value;
  }
  return -1;
}

}  // namespace ct
