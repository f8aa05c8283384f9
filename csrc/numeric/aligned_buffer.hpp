// Doubles aligned to a cache line, as the kernels' vector loads need them.
#pragma once

#include <cstddef>
#include <limits>
#include <new>

namespace pml {

class AlignedBuffer {
 public:
  explicit AlignedBuffer(std::size_t n) : data_(allocate(n)) {}
  ~AlignedBuffer() { ::operator delete(data_, alignment); }
  AlignedBuffer(AlignedBuffer&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  double* data() { return data_; }

  // n rounded up so that consecutive pieces of this size all start aligned.
  static std::size_t padded(std::size_t n) { return (n + 7) / 8 * 8; }

 private:
  static constexpr std::align_val_t alignment{64};
  static double* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(double)) throw std::bad_alloc();
    return static_cast<double*>(::operator new(n * sizeof(double), alignment));
  }
  double* data_;
};

}  // namespace pml
