// Entries of a table of kernels. A table is filled entry by entry, by name, and then passed through `complete` in a
// constant expression, which doesn't compile while an entry is missing.
#pragma once

namespace pml {

// A value that must be given: to copy it before it was makes a constant expression none.
template <class T>
class Given {
 public:
  constexpr Given() : value_(), is_given_(false) {}
  constexpr Given(T value) : value_(value), is_given_(true) {}
  constexpr Given(const Given& other) : value_(other.is_given_ ? other.value_ : throw "missing"), is_given_(true) {}
  constexpr Given& operator=(const Given&) = default;

  constexpr operator T() const { return value_; }

 private:
  T value_;
  bool is_given_;  // whether it was; the compiler needn't know that a function's address isn't null
};

// A pointer to a function of this type, called as one.
template <class Function>
using Kernel = Given<Function*>;

template <class Table>
constexpr Table complete(const Table& table) {
  return table;
}

}  // namespace pml
