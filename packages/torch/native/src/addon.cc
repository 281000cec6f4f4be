#include "allocator.h"
#include "exports.h"

#include "env.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  ct::installAllocator();
  env.SetInstanceData(new ct::Env);
  ct::registerCalls(env, exports);
  ct::registerTensors(env, exports);
  ct::registerAutograd(env, exports);
  ct::registerGenerators(env, exports);
  ct::registerState(env, exports);
  ct::registerDistributed(env, exports);
  ct::registerSnapshots(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(ct_torch, init)
