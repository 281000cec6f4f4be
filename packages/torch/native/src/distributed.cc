// Process groups of c10d: gloo between CPUs, and NCCL between CUDA devices where LibTorch has it. One group a process,
// as PyTorch's default group. CMakeLists.txt finds out whether LibTorch and the headers have what it takes.
#include "errors.h"
#include "exports.h"
#include "handle.h"
#include "values.h"

#include <atomic>
#include <future>
#include <thread>

#if CT_HAS_GLOO
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#if CT_HAS_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif

namespace ct {
namespace {

Napi::Value distributedBackends(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
#if CT_HAS_GLOO
  names.Set(0u, "gloo");
#endif
#if CT_HAS_NCCL
  names.Set(1u, "nccl");
#endif
  return names;
}

#if CT_HAS_GLOO

// LibTorch 2.0 moved the backends from ProcessGroup to a class of their own.
using Backend = std::conditional_t<std::is_base_of_v<c10d::Backend, c10d::ProcessGroupGloo>, c10d::Backend,
                                   c10d::ProcessGroup>;
using Work = c10::intrusive_ptr<c10d::Work>;
using std::chrono::milliseconds;

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  int rank;
  int worldSize;
  c10::intrusive_ptr<Backend> gloo;
  c10::intrusive_ptr<Backend> nccl;
};

// Never destroyed at exit: its destructor waits for collectives, and those of a run that failed do not end.
std::mutex groupMutex;
std::shared_ptr<Group>& currentGroup() {
  static auto* group = new std::shared_ptr<Group>();
  return *group;
}

std::shared_ptr<Group> group() {
  std::lock_guard<std::mutex> lock(groupMutex);
  if (!currentGroup()) fail("no process group: call initProcessGroup first");
  return currentGroup();
}

struct Rendezvous {
  std::string host;
  int64_t port;
  std::string file;
  std::string prefix;
  bool isServer;
  int rank;
  int worldSize;
  milliseconds timeout;
  std::vector<std::string> interfaces;
  bool nccl;
};

std::vector<std::shared_ptr<gloo::transport::Device>> glooDevices(const Rendezvous& where) {
  std::vector<std::shared_ptr<gloo::transport::Device>> devices;
  for (const std::string& name : where.interfaces) {
    devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
  }
  if (!devices.empty()) return devices;
  // All on this machine: the name of the machine need not resolve to an address that can be reached.
  if (where.host == "localhost" || where.host == "::1" || where.host.rfind("127.", 0) == 0 || !where.file.empty()) {
    return {c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")};
  }
  return {c10d::ProcessGroupGloo::createDefaultDevice()};
}

// LibTorch 2.4 and later take a server on libuv by default, and fail where they were built without it. The other server
// is in each of them, and either kind speaks with all clients.
template <typename Options>
auto withoutLibuv(Options& options, int) -> decltype(options.useLibUV, void()) {
  options.useLibUV = false;
}
template <typename Options>
void withoutLibuv(Options&, long) {}

// Which ranks are at the meeting point: written by the joining thread, read by the main one. Empty: none can be seen.
std::mutex arrivalsMutex;
std::vector<bool>& arrivals() {
  static auto* seen = new std::vector<bool>();
  return *seen;
}

std::string absent(const std::vector<bool>& seen) {
  std::string names;
  for (std::size_t rank = 0; rank < seen.size(); rank++) {
    if (!seen[rank]) names += (names.empty() ? "" : ", ") + std::to_string(rank);
  }
  return names;
}

// Every rank registers at the store, and waits until all ranks have.
void meet(c10d::Store& store, const Rendezvous& where) {
  auto key = [](int rank) { return std::vector<std::string>{"here/" + std::to_string(rank)}; };
  store.set(key(where.rank)[0], std::vector<uint8_t>{1});
  const auto end = std::chrono::steady_clock::now() + where.timeout;
  std::vector<bool> seen(static_cast<std::size_t>(where.worldSize), false);
  for (milliseconds pause(1);; pause = std::min(2 * pause, milliseconds(200))) {
    for (int rank = 0; rank < where.worldSize; rank++) {
      if (!seen[rank]) seen[rank] = store.check(key(rank));
    }
    {
      std::lock_guard<std::mutex> lock(arrivalsMutex);
      arrivals() = seen;
    }
    const std::string missing = absent(seen);
    if (missing.empty()) return;
    if (std::chrono::steady_clock::now() > end) fail("timeout: rank " + missing + " did not join");
    std::this_thread::sleep_for(pause);
  }
}

std::shared_ptr<Group> join(const Rendezvous& where) {
  auto joined = std::make_shared<Group>();
  joined->rank = where.rank;
  joined->worldSize = where.worldSize;
  if (where.file.empty()) {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(where.port);
    options.isServer = where.isServer;
    options.numWorkers = static_cast<std::size_t>(where.worldSize);
    options.timeout = where.timeout;
    options.waitWorkers = false;  // meet() waits, and knows for whom
    withoutLibuv(options, 0);
    joined->store = c10::make_intrusive<c10d::TCPStore>(where.host, options);
  } else {
    joined->store = c10::make_intrusive<c10d::FileStore>(where.file, where.worldSize);
  }
  joined->store->setTimeout(where.timeout);
  auto named = [&](const std::string& name) {
    return c10::make_intrusive<c10d::PrefixStore>(where.prefix + name, joined->store);
  };
  c10d::PrefixStore meeting(where.prefix + "meeting", joined->store);
  meet(meeting, where);
  auto options = c10d::ProcessGroupGloo::Options::create(where.timeout);
  options->devices = glooDevices(where);
  options->threads = 2 * static_cast<int>(options->devices.size());
  joined->gloo =
      c10::make_intrusive<c10d::ProcessGroupGloo>(named("gloo"), where.rank, where.worldSize, std::move(options));
#if CT_HAS_NCCL
  if (where.nccl) {
    auto ncclOptions = c10d::ProcessGroupNCCL::Options::create();
    ncclOptions->timeout = where.timeout;
    joined->nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(named("nccl"), where.rank, where.worldSize,
                                                               std::move(ncclOptions));
  }
#endif
  return joined;
}

std::string messageOf(const std::exception_ptr& pointer) {
  try {
    std::rethrow_exception(pointer);
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown C++ exception";
  }
}

// Brings the end of something that another thread does back to a JS callback: (message or null).
class Completion {
 public:
  Completion(Napi::Env env, const Napi::Function& callback)
      : function_(Napi::ThreadSafeFunction::New(env, callback, "distributed", 0, 1)) {}

  void done(std::string error = {}) {
    const napi_status status = function_.BlockingCall([error](Napi::Env env, Napi::Function callback) {
      callback.Call({error.empty() ? env.Null() : Napi::Value(Napi::String::New(env, error))});
    });
    // The worker that waited has gone, and the function with it.
    if (status != napi_closing) function_.Release();
  }

 private:
  Napi::ThreadSafeFunction function_;
};

// joinGroup({ host, port, file, prefix, isServer, rank, worldSize, timeoutMs, interfaces, nccl }, done)
Napi::Value joinGroup(const Napi::CallbackInfo& info) {
  const Napi::Object given = info[0].As<Napi::Object>();
  auto text = [&](const char* name) { return given.Get(name).ToString().Utf8Value(); };
  auto number = [&](const char* name) { return given.Get(name).ToNumber().Int64Value(); };
  Rendezvous where{text("host"),
                   number("port"),
                   text("file"),
                   text("prefix"),
                   given.Get("isServer").ToBoolean(),
                   static_cast<int>(number("rank")),
                   static_cast<int>(number("worldSize")),
                   milliseconds(number("timeoutMs")),
                   {},
                   given.Get("nccl").ToBoolean()};
  const Napi::Array interfaces = given.Get("interfaces").As<Napi::Array>();
  for (uint32_t i = 0; i < interfaces.Length(); i++) {
    where.interfaces.push_back(interfaces.Get(i).ToString().Utf8Value());
  }
  {
    std::lock_guard<std::mutex> lock(groupMutex);
    if (currentGroup()) fail("this process is in a process group already");
  }
  {
    std::lock_guard<std::mutex> lock(arrivalsMutex);
    arrivals().clear();
  }
  auto completion = std::make_shared<Completion>(info.Env(), info[1].As<Napi::Function>());
  // A thread of its own: the others may come late, and Node waits at its exit for threads of its pool.
  std::thread([where, completion] {
    std::string error;
    try {
      std::shared_ptr<Group> joined = join(where);
      std::lock_guard<std::mutex> lock(groupMutex);
      currentGroup() = joined;
    } catch (...) {
      error = messageOf(std::current_exception());
    }
    completion->done(error);
  }).detach();
  return info.Env().Undefined();
}

// arrivedRanks(): the ranks that the joining thread has seen; null when the meeting point cannot be reached yet.
Napi::Value arrivedRanks(const Napi::CallbackInfo& info) {
  std::lock_guard<std::mutex> lock(arrivalsMutex);
  if (arrivals().empty()) return info.Env().Null();
  Napi::Array ranks = Napi::Array::New(info.Env());
  for (std::size_t rank = 0; rank < arrivals().size(); rank++) {
    if (arrivals()[rank]) ranks.Set(ranks.Length(), static_cast<double>(rank));
  }
  return ranks;
}

// leaveGroup(wait): without waiting, a thread of its own sees the group's operations end.
Napi::Value leaveGroup(const Napi::CallbackInfo& info) {
  std::shared_ptr<Group> left;
  {
    std::lock_guard<std::mutex> lock(groupMutex);
    left.swap(currentGroup());
  }
  const bool was = left != nullptr;
  if (was && !info[0].ToBoolean()) {
    std::thread([group = std::move(left)]() mutable { group.reset(); }).detach();
  }
  return Napi::Boolean::New(info.Env(), was);
}

c10d::ReduceOp reduceOpOf(const std::string& name) {
  if (name == "sum") return c10d::ReduceOp::SUM;
  if (name == "min") return c10d::ReduceOp::MIN;
  if (name == "max") return c10d::ReduceOp::MAX;
  if (name == "product") return c10d::ReduceOp::PRODUCT;
  fail("unknown reduction " + name);
}

struct Pending {
  Work work;
  bool cuda;
};

Work start(const std::string& operation, std::vector<at::Tensor> inputs, std::vector<at::Tensor> outputs,
           const Napi::Value& detail, bool cuda) {
  const std::shared_ptr<Group> current = group();
  if (cuda && !current->nccl) fail("tensors of a CUDA device need a group with the nccl backend");
  Backend& backend = cuda ? *current->nccl : *current->gloo;
  if (operation == "allReduce") {
    c10d::AllreduceOptions options;
    options.reduceOp = reduceOpOf(detail.ToString());
    return backend.allreduce(inputs, options);
  }
  if (operation == "broadcast") {
    c10d::BroadcastOptions options;
    options.rootRank = detail.ToNumber().Int64Value();
    options.rootTensor = 0;
    return backend.broadcast(inputs, options);
  }
  if (operation == "allGather") {
    std::vector<std::vector<at::Tensor>> lists{std::move(outputs)};
    return backend.allgather(lists, inputs, c10d::AllgatherOptions());
  }
  fail("internal: unknown collective " + operation);
}

// startCollective(operation, inputs, outputs, detail) -> work. Inputs are contiguous and without gradient.
Napi::Value startCollective(const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& tensor : tensorsOf(env, info[1])) inputs.push_back(tensor.detach());
  std::vector<at::Tensor> outputs = tensorsOf(env, info[2]);
  if (inputs.empty()) fail("internal: a collective without a tensor");
  const bool cuda = inputs[0].is_cuda();
  if (!cuda && !inputs[0].is_cpu()) fail("collectives need tensors of the CPU or of a CUDA device");
  Work work = start(stringOf(env, info[0]), std::move(inputs), std::move(outputs), info[3], cuda);
  return Napi::External<Pending>::New(env, new Pending{std::move(work), cuda},
                                      [](Napi::Env, Pending* held) { delete held; });
}

// waitCollective(work, ms): blocks until it is done, or for so long; throws what went wrong. -> whether it is done
Napi::Value waitCollective(const Napi::CallbackInfo& info) {
  const Pending& pending = *info[0].As<Napi::External<Pending>>().Data();
  const auto end = std::chrono::steady_clock::now() + milliseconds(info[1].ToNumber().Int64Value());
  // CUDA's wait only queues; others are looked at ever more rarely, so that a short operation is not kept waiting.
  for (std::chrono::microseconds pause(10); !pending.cuda && !pending.work->isCompleted();) {
    if (std::chrono::steady_clock::now() > end) return Napi::Boolean::New(info.Env(), false);
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, std::chrono::microseconds(1000));
  }
  pending.work->wait();
  return Napi::Boolean::New(info.Env(), true);
}

// A store whose machine has stopped does not answer: it is asked by detached threads, one at a time.
std::atomic<bool> storeIsBusy{false};

template <typename Task>
bool askStore(Task task) {
  if (storeIsBusy.exchange(true)) return false;
  std::thread([task = std::move(task), held = group()] {
    try {
      task(*held);
    } catch (...) {  // the store is gone
    }
    storeIsBusy = false;
  }).detach();
  return true;
}

// postProgress(text): publishes what this rank is doing.
Napi::Value postProgress(const Napi::CallbackInfo& info) {
  askStore([text = info[0].ToString().Utf8Value()](Group& held) {
    held.store->set("progress/" + std::to_string(held.rank), std::vector<uint8_t>(text.begin(), text.end()));
  });
  return info.Env().Undefined();
}

// readProgress() -> what each rank has posted last ("" for nothing); null when the store does not answer within a second.
Napi::Value readProgress(const Napi::CallbackInfo& info) {
  auto answer = std::make_shared<std::promise<std::vector<std::string>>>();
  std::future<std::vector<std::string>> texts = answer->get_future();
  const bool asked = askStore([answer](Group& held) {
    std::vector<std::string> found;
    for (int rank = 0; rank < held.worldSize; rank++) {
      const std::string key = "progress/" + std::to_string(rank);
      std::vector<uint8_t> text;
      if (held.store->check({key})) text = held.store->get(key);
      found.emplace_back(text.begin(), text.end());
    }
    answer->set_value(std::move(found));
  });
  if (!asked || texts.wait_for(milliseconds(1000)) != std::future_status::ready) return info.Env().Null();
  Napi::Array list = Napi::Array::New(info.Env());
  for (const std::string& text : texts.get()) list.Set(list.Length(), text);
  return list;
}

// onCollective(work, done): calls back with null or the message of what went wrong.
Napi::Value onCollective(const Napi::CallbackInfo& info) {
  const Pending& pending = *info[0].As<Napi::External<Pending>>().Data();
  // NCCL's work counts as done when this thread's stream waits for it, which does not block.
  if (pending.cuda) {
    pending.work->wait();
    info[1].As<Napi::Function>().Call({info.Env().Null()});
    return info.Env().Undefined();
  }
  auto completion = std::make_shared<Completion>(info.Env(), info[1].As<Napi::Function>());
  pending.work->getFuture()->addCallback([completion](c10::ivalue::Future& future) {
    completion->done(future.hasError() ? messageOf(future.exception_ptr()) : std::string());
  });
  return info.Env().Undefined();
}

#endif

}  // namespace

void registerDistributed(Napi::Env env, Napi::Object exports) {
  exports.Set("distributedBackends", Napi::Function::New<guarded<distributedBackends>>(env));
#if CT_HAS_GLOO
  exports.Set("joinGroup", Napi::Function::New<guarded<joinGroup>>(env));
  exports.Set("arrivedRanks", Napi::Function::New<guarded<arrivedRanks>>(env));
  exports.Set("postProgress", Napi::Function::New<guarded<postProgress>>(env));
  exports.Set("readProgress", Napi::Function::New<guarded<readProgress>>(env));
  exports.Set("leaveGroup", Napi::Function::New<guarded<leaveGroup>>(env));
  exports.Set("startCollective", Napi::Function::New<guarded<startCollective>>(env));
  exports.Set("waitCollective", Napi::Function::New<guarded<waitCollective>>(env));
  exports.Set("onCollective", Napi::Function::New<guarded<onCollective>>(env));
#endif
}

}  // namespace ct
