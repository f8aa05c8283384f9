// Arrays for tables that are read at random, on large pages where the system has them: most of such reads would miss
// the cache of address translations otherwise.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pml {

// n zeroed numbers or plain structs, aligned to a cache line at least.
template <class T>
class PageArray {
 public:
  PageArray() = default;
  explicit PageArray(std::size_t n) : size_(n), alignment_(bytes() < large_page ? cache_line : large_page) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_alloc();
    data_ = static_cast<T*>(::operator new(bytes(), std::align_val_t{alignment_}));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (alignment_ == large_page) madvise(data_, bytes(), MADV_HUGEPAGE);  // only advice: a refusal costs nothing
#endif
    std::memset(static_cast<void*>(data_), 0, bytes());
  }
  ~PageArray() { ::operator delete(data_, std::align_val_t{alignment_}); }
  PageArray(PageArray&& other) noexcept { *this = std::move(other); }
  PageArray& operator=(PageArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(alignment_, other.alignment_);
    return *this;
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }

 private:
  static constexpr std::size_t cache_line = 64, large_page = std::size_t{1} << 21;
  T* data_ = nullptr;
  std::size_t size_ = 0, alignment_ = cache_line;
};

}  // namespace pml
