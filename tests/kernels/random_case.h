// Random and extreme work for kernels, for the test that each equals the reference:
// shapes of every class, operands at both ends of their range, multipliers from 2^-100
// to 2^40, buffers that trap and canaries around every output pixel.
#pragma once

#include <optional>
#include <random>
#include <vector>

#include "kernels/guarded.h"
#include "kernels/kernel.h"

namespace octavo::kernels {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int32_t between(int32_t least, int32_t most) {
    return std::uniform_int_distribution<int32_t>(least, most)(engine_);
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  float real(float least, float most) {
    return std::uniform_real_distribution<float>(least, most)(engine_);
  }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[between(0, int32_t(values.size()) - 1)];
  }

 private:
  std::mt19937_64 engine_;
};

size_t element_bytes(ElementType type);
int32_t least_of(ElementType type);
int32_t most_of(ElementType type);

// Rows of pixels in guarded memory. Each row has a mapping of its own: its last pixel
// is followed by slack_bytes and a trap, or by the trap at once.
class RandomRows {
 public:
  RandomRows(Random& random, ElementType type, int32_t rows, int32_t width, int32_t channels,
             bool slack, int32_t least, int32_t most);
  const std::byte* const* table() const { return const_pointers_.data(); }
  std::byte* const* table() { return pointers_.data(); }
  ptrdiff_t pixel_bytes() const { return pixel_bytes_; }
  void fill(std::byte value);
  bool operator==(const RandomRows& other) const;

 private:
  ptrdiff_t pixel_bytes_ = 0;
  std::vector<Guarded> memory_;
  std::vector<std::byte*> pointers_;
  std::vector<const std::byte*> const_pointers_;
};

// A random epilogue for `channels` channels. `typical` is the size of the integers (or
// of f) that the multiplier is to bring into the output's range.
class RandomEpilogue {
 public:
  RandomEpilogue(Random& random, int32_t channels, ElementType output, Activation activation,
                 float typical, bool residual, ElementType residual_type);
  EpilogueArrays arrays() const;

 private:
  EpilogueArrays scalars_;
  std::optional<Guarded> multiplier_, output_multiplier_, residual_multiplier_, residual_zero_, lo_,
      hi_, zero_, table_;
};

// Vectors of a random value a channel, or of one extreme value throughout.
std::vector<float> random_multipliers(Random& random, int32_t channels, float typical);
std::vector<int32_t> random_zeros(Random& random, int32_t channels, ElementType type);

}  // namespace octavo::kernels
