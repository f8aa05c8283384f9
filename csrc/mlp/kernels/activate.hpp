// The activations on arrays, and the table of them.
//
// In double-double one vector at a time fills the machine: at W = 20 a network takes 6 to 23 times as long as in
// float64, by activation and instruction set.
#pragma once

#include "../activations.hpp"
#include "../kernel_table.hpp"

namespace {

template <class Function, class V>
PML_INLINE void activate(const double* z, double* value, double* first, double* second) {
  V a, s1, s2;
  Function::at(load_as(z, V()), a, s1, s2);
  store(value, a);
  if (first) store(first, s1);
  if (second) store(second, s2);
}

template <class Function>
void activation_block(const double* z, double* value, double* first, double* second, size_t n) {
  constexpr size_t packed = width_of(Pack());
  size_t i = 0;
  if (second) {
    for (; i + packed <= n; i += packed) activate<Function, Pack>(z + i, value + i, first + i, second + i);
    for (; i < n; i += lanes) activate<Function, Vec>(z + i, value + i, first + i, second + i);
  } else if (first) {
    for (; i + packed <= n; i += packed) activate<Function, Pack>(z + i, value + i, first + i, nullptr);
    for (; i < n; i += lanes) activate<Function, Vec>(z + i, value + i, first + i, nullptr);
  } else {
    for (; i + packed <= n; i += packed) activate<Function, Pack>(z + i, value + i, nullptr, nullptr);
    for (; i < n; i += lanes) activate<Function, Vec>(z + i, value + i, nullptr, nullptr);
  }
}

template <class Function, class V>
PML_INLINE void activate_extended(const double* z_high, const double* z_low, double* high, double* low) {
  const DoubleDouble<V> z = {load_as(z_high, V()), load_as(z_low, V())};
  DoubleDouble<V> value = Function::extended(z);
  const auto lost = less(V(set(0.0)), not_finite(value.high));
  if (any(lost)) {
    V plain, first, second;
    Function::at(z.high, plain, first, second);
    value = select(lost, DoubleDouble<V>{plain, V(set(0.0))}, value);
  }
  store(high, value.high);
  store(low, value.low);
}

template <class Function>
void extended_activation_block(const double* z_high, const double* z_low, double* high, double* low, size_t n) {
  for (size_t i = 0; i < n; i += lanes) activate_extended<Function, Vec>(z_high + i, z_low + i, high + i, low + i);
}

template <class... Functions>
struct ActivationEntries {
  static constexpr size_t size = sizeof...(Functions);
  static constexpr pml::BuiltinActivation entries[] = {
      {Functions::name, activation_block<Functions>, extended_activation_block<Functions>}...};
};
using BuiltinActivations = ListOfActivations<ActivationEntries>;

}  // namespace
