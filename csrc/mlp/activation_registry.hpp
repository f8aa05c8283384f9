// The activations that have a name: the built-in ones and users' own.
#pragma once

#include <string>
#include <vector>

#include "kernel_table.hpp"

namespace pml {

// Where an activation's code is: a built-in one once in each table, a user's own the same for all of them.
struct ActivationSource {
  std::size_t builtin;   // its place in every table
  ActivationBlock user;  // null for a built-in activation

  ActivationBlock in(const MlpKernels& table) const {
    return user != nullptr ? user : table.activations[builtin].block;
  }
  // Null for a user's own, of which only the double values are known.
  ExtendedActivationBlock extended_in(const MlpKernels& table) const {
    return user != nullptr ? nullptr : table.activations[builtin].extended_block;
  }
};

std::vector<std::string> activation_names();  // built-in ones as they are listed, then users' own
ActivationSource activation_from_name(const std::string& name);

// Gives a user's own function a name, for all threads, until the process ends. `block` is called by several threads
// at once and must not throw. Throws std::invalid_argument for a name that is empty, built in or, without `replace`,
// given to another function.
void register_activation(const std::string& name, ActivationBlock block, bool replace);

}  // namespace pml
