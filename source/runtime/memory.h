// Memory of programs and sessions.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace octavo::runtime {

inline constexpr size_t alignment = 64;

inline size_t round_up(size_t value, size_t step) {
  return (value + step - 1) / step * step;
}

// Thrown where an allocation would pass a bound, before it is made. It stays inside this room:
// within_memory makes one sentence of it.
struct OverBudget : std::bad_alloc {
  enum class Bound { memory, proportion } bound;
  size_t most;  // bytes

  OverBudget(Bound which, size_t bytes) : bound(which), most(bytes) {}
};

Error to_error(const OverBudget& over);

// What `make` gives; a sentence where a bound or the machine has not enough memory for `what`.
template <class Make>
auto within_memory(const char* what, const Make& make) -> decltype(make()) {
  try {
    return make();
  } catch (const OverBudget& over) {
    return to_error(over);
  } catch (const std::bad_alloc&) {
    return unsupported(concat("this machine has not enough memory for ", what));
  }
}

// The memory that a program and all its sessions may take together.
class Budget {
 public:
  explicit Budget(size_t most) : most_(most) {}
  void take(size_t bytes);  // throws OverBudget; any thread
  void give_back(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t most() const { return most_; }

 private:
  const size_t most_;
  std::atomic<size_t> used_{0};
};

// What one owner took of a budget, given back when the owner goes. Every allocation at load is
// added here before it is made, by the code that makes it.
class Charge {
 public:
  // `most`: of this owner, whatever the budget has left.
  explicit Charge(Budget& budget, size_t most = SIZE_MAX) : budget_(budget), most_(most) {}
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge() { budget_.give_back(bytes_); }

  void add(size_t bytes);  // throws OverBudget
  void bound(size_t most) { most_ = most; }
  // Down to what bytes() was.
  void give_back_to(size_t bytes) {
    budget_.give_back(bytes_ - bytes);
    bytes_ = bytes;
  }
  size_t bytes() const { return bytes_; }

  // Room for exactly so many entries.
  template <class T>
  void reserve(std::vector<T>& values, size_t count) {
    add(count * sizeof(T));
    values.reserve(count);
  }

 private:
  Budget& budget_;
  size_t most_, bytes_ = 0;
};

// Zeroed memory in parts, each between pages that trap: a kernel that runs out of its part is
// stopped at once and cannot spoil anything else.
class Arena {
 public:
  // A part for each size, rounded up to 64 bytes. The trap follows a part's last byte at once;
  // before its first there is less than a page.
  static Result<Arena> map(std::span<const size_t> sizes);
  // What map() asks the machine for.
  static size_t mapped_bytes(std::span<const size_t> sizes);
  // The same parts, side by side and without traps, in memory that is not the arena's own: 64-byte
  // aligned, placed_bytes() at least.
  static Arena place(std::span<const size_t> sizes, std::span<std::byte> memory);
  static size_t placed_bytes(std::span<const size_t> sizes);

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

// What a program keeps for good: packed weights and per-channel arrays, zeroed, each 64-byte
// aligned and followed by slack that kernels may read. It is asked twice for the same things in
// the same order: first it counts them, then it has them.
class ConstantPool {
 public:
  explicit ConstantPool(Charge& charge) : charge_(charge) {}
  ConstantPool(const ConstantPool&) = delete;
  ConstantPool& operator=(const ConstantPool&) = delete;
  ~ConstantPool();

  std::byte* allocate(size_t bytes);  // null, and charged for a try, before map()
  void map();                         // what was counted; throws OverBudget

  // `count` entries and zeros up to a multiple of `multiple`.
  template <class T>
  T* allocate_array(size_t count, size_t multiple) {
    return reinterpret_cast<T*>(allocate(round_up(count, multiple) * sizeof(T)));
  }
  size_t bytes() const { return bytes_; }

 private:
  Charge& charge_;
  std::byte *area_ = nullptr, *next_ = nullptr;
  size_t bytes_ = 0;
};

// What the machine has free for this process: MemAvailable, or what its control groups (of
// either version) leave where that is less.
size_t free_memory_bytes();

}  // namespace octavo::runtime
