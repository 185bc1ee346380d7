// Memory with a page on either side that traps: a kernel that reads or writes out of
// its buffers dies in the test instead of passing by luck.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <stdexcept>

namespace octavo {

class Guarded {
 public:
  // The last byte is followed by the trap at once; the first is 64-byte aligned if
  // `bytes` is a multiple of 64.
  explicit Guarded(size_t bytes) : bytes_(bytes) {
    const size_t page = size_t(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + 2 * page;
    void* area = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) throw std::runtime_error("mmap failed");
    area_ = static_cast<std::byte*>(area);
    if (mapped_ > 2 * page && mprotect(area_ + page, mapped_ - 2 * page, PROT_READ | PROT_WRITE)) {
      throw std::runtime_error("mprotect failed");
    }
    data_ = area_ + mapped_ - page - bytes;
  }
  Guarded(Guarded&& other) noexcept
      : bytes_(other.bytes_), mapped_(other.mapped_), area_(other.area_), data_(other.data_) {
    other.area_ = nullptr;
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  Guarded& operator=(Guarded&&) = delete;
  ~Guarded() {
    if (area_ != nullptr) munmap(area_, mapped_);
  }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return bytes_; }

 private:
  size_t bytes_ = 0, mapped_ = 0;
  std::byte* area_ = nullptr;
  std::byte* data_ = nullptr;
};

// A per-channel array as kernels get it: 64-byte aligned, zeros up to the next multiple of 64
// entries, 64 bytes of anything behind them, not one byte further.
template <class T, class Values>
Guarded channel_array(const Values& values) {
  const size_t entries = (values.size() + 63) / 64 * 64;
  Guarded array(entries * sizeof(T) + 64);
  std::memset(array.data(), 0, array.size());
  std::memset(array.data() + array.size() - 64, 0xa5, 64);
  for (size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values[i]);
    std::memcpy(array.data() + i * sizeof(T), &value, sizeof value);
  }
  return array;
}

// What the kernel prepares of the constants, written over something else; they are pointed to it.
template <class Kernel, class Constants>
Guarded prepared_by(const Kernel& kernel, Constants& constants) {
  const size_t bytes =
      kernel.prepare == nullptr ? 0 : (kernel.prepared_bytes(constants.shape) + 63) / 64 * 64;
  Guarded prepared(bytes);
  std::memset(prepared.data(), 0xa5, bytes);
  if (kernel.prepare != nullptr) kernel.prepare(constants, prepared.data());
  constants.prepared = prepared.data();
  return prepared;
}

}  // namespace octavo
