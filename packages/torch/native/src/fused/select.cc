#include <cstdlib>
#include <cstring>

#include "../kernels/kernels.h"

namespace ct {
namespace kernels {

extern const Kernels baselineKernels;
#if defined(__x86_64__) || defined(_M_X64)
extern const Kernels avx2Kernels;
extern const Kernels avx512Kernels;
#endif

namespace {

const Kernels& choose() {
  const char* wanted = std::getenv("CT_KERNELS");
  const auto allowed = [&](const char* name) { return wanted == nullptr || std::strcmp(wanted, name) == 0; };
#if defined(__x86_64__) || defined(_M_X64)
  if (allowed("avx512") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return avx512Kernels;
  }
  if (allowed("avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2Kernels;
#endif
  return baselineKernels;
}

}  // namespace

const Kernels& best() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace kernels
}  // namespace ct
