// What the kernels of all ISAs share and no ISA's flags change. Everything here is in an
// anonymous namespace or always inline, and uses no function of the standard library: see
// CMakeLists.txt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/kernel.h"

#define OCTAVO_INLINE inline __attribute__((always_inline))

namespace octavo::kernels::common {
namespace {

template <int I>
struct Index {
  static constexpr int value = I;
};

template <class F, int... I>
OCTAVO_INLINE void unroll_indices(const F& f, std::integer_sequence<int, I...>) {
  (f(Index<I>{}), ...);
}

// f(Index<0>) ... f(Index<N - 1>), as straight code: gcc keeps an array of vectors in
// registers only if every index is a constant before it optimizes.
template <int N, class F>
OCTAVO_INLINE void unroll(const F& f) {
  unroll_indices(f, std::make_integer_sequence<int, N>{});
}

OCTAVO_INLINE int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}
OCTAVO_INLINE int32_t larger(int32_t a, int32_t b) {
  return a > b ? a : b;
}
OCTAVO_INLINE int32_t divide_up(int32_t a, int32_t b) {
  return (a + b - 1) / b;
}

// Where the i-th of `parts` nearly equal parts of 0 .. n begins.
OCTAVO_INLINE int32_t part_begin(int32_t i, int32_t n, int32_t parts) {
  return static_cast<int32_t>(static_cast<int64_t>(i) * n / parts);
}

OCTAVO_INLINE constexpr ptrdiff_t element_bytes(ElementType type) {
  return type == ElementType::f32 ? 4 : type == ElementType::i16 ? 2 : 1;
}

OCTAVO_INLINE constexpr bool is_activation(ElementType type) {
  return type == ElementType::u8 || type == ElementType::i16;
}

// Calls f with the activation as a constant: f.operator()<A>().
template <class F>
OCTAVO_INLINE void with_activation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::none:
      return f.template operator()<Activation::none>();
    case Activation::clip:
      return f.template operator()<Activation::clip>();
    case Activation::hard_swish:
      return f.template operator()<Activation::hard_swish>();
    case Activation::hard_sigmoid:
      return f.template operator()<Activation::hard_sigmoid>();
    case Activation::table:
      return f.template operator()<Activation::table>();
  }
}

}  // namespace
}  // namespace octavo::kernels::common
