#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "../numeric/text.hpp"

#if defined(PML_X86_ISAS) && defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace pml {
namespace {

#if defined(PML_X86_ISAS)
#if defined(_MSC_VER)
bool os_saves(unsigned long long state) {
  int leaf1[4];
  __cpuid(leaf1, 1);
  return (leaf1[2] & (1 << 27)) != 0 && (_xgetbv(0) & state) == state;
}
bool has_avx2() {
  int leaf1[4], leaf7[4];
  __cpuid(leaf1, 1);
  __cpuidex(leaf7, 7, 0);
  return (leaf1[2] & (1 << 12)) != 0 && (leaf7[1] & (1 << 5)) != 0 && os_saves(0x6);
}
bool has_avx512() {
  int leaf7[4];
  __cpuidex(leaf7, 7, 0);
  return (leaf7[1] & (1 << 16)) != 0 && (leaf7[1] & (1 << 17)) != 0 && os_saves(0xe6);
}
#else
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"); }
#endif
#endif

std::vector<const KernelTable*> available() {
  std::vector<const KernelTable*> tables;
#if defined(PML_X86_ISAS)
  if (has_avx512()) tables.push_back(&avx512_kernels());
  if (has_avx2()) tables.push_back(&avx2_kernels());
#endif
  tables.push_back(&baseline_kernels());
  return tables;
}

const KernelTable& find(const std::string& name, const std::string& what) {
  for (const KernelTable* table : available()) {
    if (name == static_cast<const char*>(table->isa)) return *table;
  }
  throw std::invalid_argument(what + ": expected one of " + joined(available_isas()) + " on this machine, got " + name);
}

std::atomic<const KernelTable*>& selected() {
  static std::atomic<const KernelTable*> table{[] {
    const char* forced = std::getenv("PML_NATIVE_ISA");
    return forced != nullptr && *forced != '\0' ? &find(forced, "PML_NATIVE_ISA") : available().front();
  }()};
  return table;
}

}  // namespace

const KernelTable& kernels() { return *selected().load(); }

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable* table : available()) names.emplace_back(static_cast<const char*>(table->isa));
  return names;
}

void select_isa(const std::string& name) { selected().store(&find(name, "isa")); }

}  // namespace pml
