#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <c10/util/Exception.h>

#include "../kernels/kernels.h"

namespace ct {
namespace kernels {

extern const Kernels baselineKernels;
extern const Kernels avx2Kernels;
extern const Kernels avx512Kernels;
extern const Kernels avx512bf16Kernels;

namespace {

#if CT_HAS_AVX512 || CT_HAS_AVX512BF16
bool hasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

const Kernels& choose() {
  std::vector<const Kernels*> sets;
  // CT_HAS_*: the compiler supports the instruction set (see CMakeLists.txt).
#if CT_HAS_AVX512BF16
  if (hasAvx512() && __builtin_cpu_supports("avx512bf16")) sets.push_back(&avx512bf16Kernels);
#endif
#if CT_HAS_AVX512
  if (hasAvx512()) sets.push_back(&avx512Kernels);
#endif
#if CT_HAS_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.push_back(&avx2Kernels);
#endif
  sets.push_back(&baselineKernels);
  const char* wanted = std::getenv("CT_KERNELS");
  if (wanted == nullptr || *wanted == 0) return *sets.front();
  std::string names;
  for (const Kernels* set : sets) {
    if (std::strcmp(set->name, wanted) == 0) return *set;
    names += (names.empty() ? "" : ", ") + std::string(set->name);
  }
  TORCH_WARN("CT_KERNELS=", wanted, ": expected one of the kernels of this processor and build, ", names, "; using ",
             sets.front()->name);
  return *sets.front();
}

// With AMX, oneDNN multiplies bf16 matrices of 16 x 32 in one instruction. CT_AMX=0 or 1 overrides the processor's flag: it only
// decides what is left to LibTorch, so that both can be tested everywhere.
bool hasAmxBf16() {
  const char* wanted = std::getenv("CT_AMX");
  if (wanted != nullptr && std::strcmp(wanted, "0") == 0) return false;
  if (wanted != nullptr && std::strcmp(wanted, "1") == 0) return true;
  if (wanted != nullptr && *wanted != 0) TORCH_WARN("CT_AMX=", wanted, ": expected 0 or 1; using the processor's flag");
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0;
#else
  return true;
#endif
}

}  // namespace

bool winogradIsFast(bool bf16) {
  static const bool vectors = std::strcmp(best().name, "baseline") != 0;
  static const bool amx = hasAmxBf16();
  return vectors && !(bf16 && amx);
}

bool gemmIsFast(bool bf16) {
  static const bool pairs = std::strcmp(best().name, "avx512bf16") == 0, vectors = pairs || std::strcmp(best().name, "avx512") == 0;
  static const bool amx = hasAmxBf16();
  return bf16 ? pairs && !amx : vectors;
}

const Kernels& best() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace kernels
}  // namespace ct
