// How a kernel describes its scratch: once. The same function takes the parts when the
// scratch is sized (without memory: Scratch{}) and when it is used (over the memory that
// was sized so), so that the two cannot differ.
//
//   struct Room { uint8_t* columns; Block* blocks; };
//   Room take_room(const ConvolutionShape& shape, int32_t width, Scratch& scratch);
//
// Sizes are 64 bits throughout. Everything here is inlined or of internal linkage: kernels
// of different instruction sets must not share a function (see kernels/CMakeLists.txt).
#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo::kernels {
namespace {

class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(std::byte* memory) : memory_(memory) {}

  // Room for `count` entries, 64-byte aligned; null while nothing but the size is asked for.
  template <class T>
  T* take(int64_t count) {
    std::byte* part = memory_ == nullptr ? nullptr : memory_ + bytes_;
    bytes_ += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return reinterpret_cast<T*>(part);
  }
  size_t bytes() const { return static_cast<size_t>(bytes_); }

 private:
  std::byte* memory_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace
}  // namespace octavo::kernels
