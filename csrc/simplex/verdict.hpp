// What a search for a simplex ended with.
#pragma once

#include <stdint.h>

namespace pml {

// In place of a simplex or its first vertex: the query is outside the hull; rounding left the search undecided.
constexpr int32_t found = 0, outside = -1, undecided = -2;

}  // namespace pml
