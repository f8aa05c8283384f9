#include "activation_registry.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "../isa/dispatch.hpp"
#include "../numeric/text.hpp"

namespace pml {
namespace {

// Users' own activations, in the order they came; never removed, so that a frozen architecture stays valid.
std::mutex user_mutex;
std::vector<std::pair<std::string, ActivationBlock>> user_activations;

// Needs user_mutex.
auto find_user_activation(const std::string& name) {
  return std::find_if(user_activations.begin(), user_activations.end(),
                      [&](const auto& entry) { return entry.first == name; });
}

// Its place in every table, or their number for a name that isn't built in.
std::size_t place_of_builtin(const std::string& name) {
  const MlpKernels& table = kernels().mlp;
  std::size_t i = 0;
  while (i < table.n_activations && name != table.activations[i].name) ++i;
  return i;
}

}  // namespace

std::vector<std::string> activation_names() {
  const MlpKernels& table = kernels().mlp;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < table.n_activations; ++i) names.emplace_back(table.activations[i].name);
  const std::lock_guard<std::mutex> lock(user_mutex);
  for (const auto& entry : user_activations) names.push_back(entry.first);
  return names;
}

ActivationSource activation_from_name(const std::string& name) {
  const std::size_t builtin = place_of_builtin(name);
  if (builtin < kernels().mlp.n_activations) return {builtin, nullptr};
  {
    const std::lock_guard<std::mutex> lock(user_mutex);
    const auto user = find_user_activation(name);
    if (user != user_activations.end()) return {0, user->second};
  }
  throw std::invalid_argument("activation: expected one of " + joined(activation_names()) +
                              ", or a name given to register_activation before, got '" + name + "'");
}

void register_activation(const std::string& name, ActivationBlock block, bool replace) {
  if (name.empty()) throw std::invalid_argument("name: expected a name for the activation, got an empty string");
  if (place_of_builtin(name) < kernels().mlp.n_activations) {
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
