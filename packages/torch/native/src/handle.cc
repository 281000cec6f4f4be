#include "handle.h"

#include <algorithm>

#include "collector.h"
#include "errors.h"

namespace ct {
namespace {

constexpr uint64_t kMagic = 0x6374546e736f7231;  // distinguishes our externals from those of other addons

// V8 needs the order of magnitude only: small changes are accumulated.
constexpr int64_t kReportBytes = 4 << 20;
// What a tensor takes beside its elements, with its node in a graph.
constexpr int64_t kHandleBytes = 1 << 10;
constexpr auto kWindow = std::chrono::seconds(10);

void tell(napi_env env, MemoryLedger& ledger, int64_t bytes) {
  int64_t total = 0;
  napi_adjust_external_memory(env, bytes - ledger.reported, &total);
  ledger.reported = bytes;
}

// V8 starts a full garbage collection for every 64 MiB of external memory that is reported, and a training step allocates and
// frees gigabytes: with each change reported it would collect in every step, in threads that the step needs. So new peaks are
// reported at once (a program that never frees has nothing but peaks), and once in a while by how much they have fallen. What
// collections freed is reported at once as well, or a program that leaves everything to them would hold 64 MiB more each time.
void report(napi_env env, MemoryLedger& ledger) {
  const int64_t bytes = ledger.bytes + ledger.live * kHandleBytes;
  ledger.peak = std::max(ledger.peak, bytes);
  if (ledger.collected >= kReportBytes) {
    tell(env, ledger, std::max(bytes, ledger.reported - ledger.collected));
    ledger.collected = 0;
  }
  if (bytes >= ledger.reported + kReportBytes) tell(env, ledger, bytes);
  const auto now = std::chrono::steady_clock::now();
  if (now < ledger.windowEnd) return;
  if (ledger.peak <= ledger.reported - kReportBytes) tell(env, ledger, ledger.peak);
  ledger.peak = bytes;
  ledger.windowEnd = now + kWindow;
}

void enter(TensorBox& box) {
  MemoryLedger& ledger = *box.ledger;
  ledger.live += 1;
  if (!box.tensor.has_storage()) return;
  box.storage = box.tensor.storage().unsafeGetStorageImpl();
  auto& entry = ledger.storages.emplace(box.storage, MemoryLedger::Entry{0, 0}).first->second;
  if (entry.handles++ == 0) {
    entry.bytes = static_cast<int64_t>(box.tensor.storage().nbytes());
    ledger.bytes += entry.bytes;
  }
}

TensorBox& boxOf(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_get_value_external(env, value, &data) != napi_ok || static_cast<TensorBox*>(data)->magic != kMagic) {
    fail("expected a tensor");
  }
  return *static_cast<TensorBox*>(data);
}

}  // namespace

void leave(TensorBox& box) {
  if (!box.tensor.defined()) return;
  MemoryLedger& ledger = *box.ledger;
  ledger.live -= 1;
  if (box.storage != nullptr) {
    auto entry = ledger.storages.find(box.storage);
    if (entry != ledger.storages.end() && --entry->second.handles == 0) {
      ledger.bytes -= entry->second.bytes;
      ledger.storages.erase(entry);
    }
    box.storage = nullptr;
  }
  box.tensor.reset();
}

napi_value wrapTensor(napi_env env, at::Tensor tensor) {
  napi_value result = nullptr;
  if (!tensor.defined()) {
    napi_get_null(env, &result);
    return result;
  }
  Env& data = envOf(env);
  auto box = std::make_unique<TensorBox>();
  if (napi_create_external(env, box.get(), nullptr, nullptr, &result) != napi_ok) throw Napi::Error::New(env);
  box->magic = kMagic;
  box->tensor = std::move(tensor);
  box->ledger = data.ledger;
  enter(*box);
  data.collector->add(env, box.release(), result);
  report(env, *data.ledger);
  return result;
}

const at::Tensor& tensorOf(napi_env env, napi_value value) {
  TensorBox& box = boxOf(env, value);
  if (!box.tensor.defined()) fail("the tensor was disposed");
  if (!box.weak.empty()) Collector::use(box);
  return box.tensor;
}

at::Tensor optionalTensorOf(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type == napi_null || type == napi_undefined) return at::Tensor();
  return tensorOf(env, value);
}

std::vector<at::Tensor> tensorsOf(napi_env env, napi_value array) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) fail("expected an array of tensors");
  std::vector<at::Tensor> tensors;
  tensors.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    napi_get_element(env, array, i, &element);
    tensors.push_back(optionalTensorOf(env, element));
  }
  return tensors;
}

void setData(napi_env env, napi_value value, const at::Tensor& data) {
  tensorOf(env, value);
  TensorBox& box = boxOf(env, value);
  at::Tensor tensor = box.tensor;
  tensor.set_data(data);
  leave(box);
  box.tensor = std::move(tensor);
  enter(box);
  report(env, *box.ledger);
}

bool disposeHandle(napi_env env, napi_value value) {
  TensorBox& box = boxOf(env, value);
  if (!box.tensor.defined()) return false;
  leave(box);
  report(env, *envOf(env).ledger);
  return true;
}

}  // namespace ct
