// Memory of programs and sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"

namespace octavo::runtime {

inline constexpr size_t alignment = 64;

inline size_t round_up(size_t value, size_t step) {
  return (value + step - 1) / step * step;
}

// Zeroed memory in parts, each between pages that trap: a kernel that runs out of its part is
// stopped at once and cannot spoil anything else.
class Arena {
 public:
  // A part for each size, rounded up to 64 bytes. The trap follows a part's last byte at once;
  // before its first there is less than a page.
  static Result<Arena> map(std::span<const size_t> sizes);
  // What map() asks the machine for.
  static size_t mapped_bytes(std::span<const size_t> sizes);

  Arena() = default;
  Arena(Arena&& other) noexcept { swap(other); }
  Arena& operator=(Arena&& other) noexcept {
    swap(other);
    return *this;
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  std::byte* part(size_t i) const { return parts_[i]; }  // 64-byte aligned

 private:
  void swap(Arena& other) {
    std::swap(area_, other.area_);
    std::swap(mapped_, other.mapped_);
    std::swap(parts_, other.parts_);
  }
  void* area_ = nullptr;
  size_t mapped_ = 0;
  std::vector<std::byte*> parts_;
};

// What a program keeps for good: packed weights and per-channel arrays, each 64-byte
// aligned and followed by slack that kernels may read. Addresses stay.
class ConstantPool {
 public:
  std::byte* allocate(size_t bytes);

  // `count` entries and zeros up to a multiple of `multiple`.
  template <class T>
  T* allocate_array(size_t count, size_t multiple) {
    return reinterpret_cast<T*>(allocate(round_up(count, multiple) * sizeof(T)));
  }
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* block) const {
      ::operator delete (block, std::align_val_t{alignment});
    }
  };
  std::vector<std::unique_ptr<std::byte, Free>> blocks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0, bytes_ = 0;
};

// The memory of this machine; an arena or a set of weights beyond it is refused
// before it is touched.
size_t machine_memory_bytes();

}  // namespace octavo::runtime
