// The groups of functions that the addon exports, one per source file.
#pragma once

#include "prelude.h"

namespace ct {

void registerCalls(Napi::Env env, Napi::Object exports);
void registerTensors(Napi::Env env, Napi::Object exports);
void registerAutograd(Napi::Env env, Napi::Object exports);
void registerGenerators(Napi::Env env, Napi::Object exports);
void registerState(Napi::Env env, Napi::Object exports);
void registerDistributed(Napi::Env env, Napi::Object exports);
void registerSnapshots(Napi::Env env, Napi::Object exports);

}  // namespace ct
