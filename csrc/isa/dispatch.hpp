// Which instruction set's kernels run.
#pragma once

#include <string>
#include <vector>

#include "kernel_table.hpp"

namespace pml {

// The table in use: the widest this machine has, or the one that the environment variable PML_NATIVE_ISA names.
const KernelTable& kernels();

std::vector<std::string> available_isas();  // widest first
void select_isa(const std::string& name);   // throws std::invalid_argument for one that isn't available

}  // namespace pml
