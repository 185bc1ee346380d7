// The tiles of common/dense.h on Arm: pixels by 8 channels, two registers of sums a pixel.
#pragma once

#include "kernels/common/dense.h"
#include "kernels/neon/outputs.h"

namespace octavo::kernels::neon {
namespace {

constexpr int32_t step_weights = 64;

// What a tile of up to 8 channels stores.
struct Storing {
  using Outputs = neon::Outputs;

  static Outputs outputs_of(const ConvolutionArguments& a) {
    return neon::outputs_of(*a.constants, 0, 0);
  }
  static void set_channels(int32_t channel, int32_t count, bool is_plain, Outputs& o) {
    o.channel = channel;
    o.count = count;
    o.plain = is_plain;
  }
  static bool prove(const ConvolutionConstants& k, int32_t, int32_t count) {
    return neon::is_plain(k, count);
  }
};

// A Dot here has pixels, element_bytes, shifted, place, together, needs_care and
// accumulate(operands, sums); a step is 8 values of the depth.
template <class Dot>
struct Tiles : Dot, Storing {
  static constexpr int32_t block = neon::block, blocks = 1, step = 8;

  static constexpr bool takes(ElementType type) {
    return type == (Dot::element_bytes == 1 ? ElementType::u8 : ElementType::i16);
  }
  static constexpr bool is_restaged(ElementType) { return Dot::shifted; }

  static OCTAVO_INLINE void stage(ElementType, const std::byte* from, ptrdiff_t count,
                                  std::byte* to) {
    const uint8x16_t shift = vdupq_n_u8(Dot::shifted ? 128 : 0);
    for (ptrdiff_t i = 0; i < count * Dot::element_bytes; i += 16) {
      const uint8x16_t x = vld1q_u8(reinterpret_cast<const uint8_t*>(from + i));
      vst1q_u8(reinterpret_cast<uint8_t*>(to + i), veorq_u8(x, shift));
    }
  }

  template <int V, int P>
  static OCTAVO_INLINE void compute(const Operands& operands, const Outputs& outputs) {
    static_assert(V == 1);
    Sums<P> sums;
    Dot::accumulate(operands, sums);
    finish(outputs, sums);
  }
};

template <class Dot>
using Dense = common::DenseLoops<Tiles<Dot>>;

}  // namespace
}  // namespace octavo::kernels::neon
