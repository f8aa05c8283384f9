#include "dispatch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <utility>

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

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

const KernelTable& find(const std::string& name, const std::string& what) {
  for (const KernelTable* table : available()) {
    if (name == table->isa) return *table;
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

// In the order of `enum class Activation`.
const std::vector<std::string> builtin_activations = {"relu",     "tanh", "sigmoid", "sin",
                                                      "softplus", "silu", "square",  "polyrelu"};

// Users' own activations, in the order they came; never removed, so that a frozen architecture stays valid.
std::mutex user_mutex;
std::vector<std::pair<std::string, ActivationBlock>> user_activations;

// Needs user_mutex.
auto find_user_activation(const std::string& name) {
  return std::find_if(user_activations.begin(), user_activations.end(),
                      [&](const auto& entry) { return entry.first == name; });
}

}  // namespace

const KernelTable& kernels() { return *selected().load(); }

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable* table : available()) names.emplace_back(table->isa);
  return names;
}

void select_isa(const std::string& name) { selected().store(&find(name, "isa")); }

std::vector<std::string> activation_names() {
  std::vector<std::string> names = builtin_activations;
  const std::lock_guard<std::mutex> lock(user_mutex);
  for (const auto& entry : user_activations) names.push_back(entry.first);
  return names;
}

ActivationSource activation_from_name(const std::string& name) {
  const auto builtin = std::find(builtin_activations.begin(), builtin_activations.end(), name);
  if (builtin != builtin_activations.end()) {
    return {static_cast<Activation>(builtin - builtin_activations.begin()), nullptr};
  }
  {
    const std::lock_guard<std::mutex> lock(user_mutex);
    const auto user = find_user_activation(name);
    if (user != user_activations.end()) return {Activation{}, user->second};
  }
  throw std::invalid_argument("activation: expected one of " + joined(activation_names()) +
                              ", or a name given to register_activation before, got '" + name + "'");
}

void register_activation(const std::string& name, ActivationBlock block, bool replace) {
  if (name.empty()) throw std::invalid_argument("name: expected a name for the activation, got an empty string");
  if (std::find(builtin_activations.begin(), builtin_activations.end(), name) != builtin_activations.end()) {
    throw std::invalid_argument("name: expected one that isn't built in, got '" + name + "'");
  }
  const std::lock_guard<std::mutex> lock(user_mutex);
  const auto found = find_user_activation(name);
  if (found == user_activations.end()) {
    user_activations.emplace_back(name, block);
  } else if (found->second == block || replace) {
    found->second = block;
  } else {
    throw std::invalid_argument("name: '" + name + "' is registered for another function; replace=True replaces it");
  }
}

}  // namespace pml
