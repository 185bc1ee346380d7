// Layer norm, L2 normalization and softmax: the sums of a pixel as exact integers, one square root
// or division, correctly rounded as IEEE 754 has them, then a vector of channels at a time.
#pragma once

#include "kernels/common/basics.h"

namespace octavo::kernels::common {
namespace {

template <class V, template <Activation> class Finish>
struct Normalize {
  using Kind = NormalizeShape::Kind;
  using Float = typename V::Float;
  using Int = typename V::Int;
  static constexpr int32_t most_exponentials = 4096;

  // d and C * (x - z) fit into 32 bits: see accepts.
  template <ElementType T, Activation A>
  static OCTAVO_INLINE void layer_norm(const NormalizeConstants& n, const Finish<A>& finish,
                                       const std::byte* x, std::byte* y) {
    const int32_t channels = n.shape.channels;
    const auto m = V::template moments<T>(x, channels, n.input_zero);
    const int64_t variance = channels * m.squares - m.sum * m.sum;
    const Float scale = V::all(1.0f / V::square_root(static_cast<float>(variance) + n.least));
    const Int zero = V::all(n.input_zero), count = V::all(channels);
    const Int sum = V::all(static_cast<int32_t>(m.sum));
    for (int32_t c = 0; c < channels; c += V::lanes) {
      const Int d = (V::load_stored(x, T, c) - zero) * count - sum;
      const Float scaled = (V::to_float(d) * scale) * V::load(n.epilogue.multiplier + c);
      finish(scaled + V::load(n.offset + c), y, c, channels - c);
    }
  }

  template <ElementType T, Activation A>
  static OCTAVO_INLINE void l2(const NormalizeConstants& n, const Finish<A>& finish,
                               const std::byte* x, std::byte* y) {
    const int32_t channels = n.shape.channels;
    const auto m = V::template moments<T>(x, channels, n.input_zero);
    const float root = V::square_root(static_cast<float>(m.squares));
    const Float length = V::all(root > n.least ? root : n.least);
    const Int zero = V::all(n.input_zero);
    for (int32_t c = 0; c < channels; c += V::lanes) {
      const Float scale = V::load(n.epilogue.multiplier + c) / length;
      finish(V::to_float(V::load_stored(x, T, c) - zero) * scale, y, c, channels - c);
    }
  }

  template <ElementType T>
  static OCTAVO_INLINE uint32_t exponential(const NormalizeConstants& n, int32_t distance) {
    const uint32_t coarse = n.coarse[T == ElementType::u8 ? 0 : distance >> 8];
    return (coarse * uint32_t{n.fine[distance & 255]} + (1u << 14)) >> 15;  // of at most 2^30
  }

  template <ElementType T>
  static OCTAVO_INLINE uint32_t long_exponential(const NormalizeConstants& n, int32_t distance) {
    if constexpr (T == ElementType::u8) return n.long_fine[distance];  // the coarse one is 1
    const uint64_t product = uint64_t{n.long_coarse[distance >> 8]} * n.long_fine[distance & 255];
    return static_cast<uint32_t>((product + (1u << 29)) >> 30);  // of at most 2^60
  }

  // Exponentials one by one: without a gather nothing looks up 256 words faster. Their sum is
  // at most 4096 * 2^15, or * 2^30.
  template <Kind K, ElementType T, Activation A>
  static OCTAVO_INLINE void softmax(const NormalizeConstants& n, const Finish<A>& finish,
                                    const std::byte* x, std::byte* y) {
    constexpr bool is_long = K == Kind::long_softmax;
    const int32_t channels = n.shape.channels;
    alignas(64) int32_t exponentials[most_exponentials];
    const int32_t largest = V::template largest<T>(x, channels);
    int64_t sum = 0;
    for (int32_t c = 0; c < channels; ++c) {
      const int32_t distance = largest - V::template value_of<T>(x, c);
      exponentials[c] = static_cast<int32_t>(is_long ? long_exponential<T>(n, distance)
                                                     : exponential<T>(n, distance));
      sum += exponentials[c];
    }
    for (int32_t c = channels; c % V::lanes != 0; ++c) exponentials[c] = 0;
    const Float divisor = V::all(static_cast<float>(sum));
    for (int32_t c = 0; c < channels; c += V::lanes)
      finish(
          V::to_float(V::load(exponentials + c)) * (V::load(n.epilogue.multiplier + c) / divisor),
          y, c, channels - c);
  }

  template <Kind K, ElementType T>
  static void run_all(const NormalizeArguments& arguments) {
    const NormalizeConstants n = *arguments.constants;  // or they are read after every store
    with_activation(n.epilogue.activation, [&]<Activation A>() {
      const Finish<A> finish(n.epilogue);
      for (int32_t r = 0; r < arguments.rows; ++r)
        for (int32_t column = 0; column < arguments.width; ++column) {
          const std::byte* x = arguments.input.row[r] + column * arguments.input.pixel_bytes;
          std::byte* y = arguments.output.row[r] + column * arguments.output.pixel_bytes;
          if constexpr (K == Kind::layer_norm) layer_norm<T>(n, finish, x, y);
          if constexpr (K == Kind::l2) l2<T>(n, finish, x, y);
          if constexpr (K == Kind::softmax || K == Kind::long_softmax)
            softmax<K, T>(n, finish, x, y);
        }
    });
  }

  // |d| <= C * 65535 stays inside 32 bits.
  template <Kind K>
  static bool accepts(const NormalizeShape& s) {
    if (s.kind != K || !is_activation(s.input)) return false;
    if (K == Kind::layer_norm) return s.channels <= 32767;
    return K == Kind::l2 ? s.channels <= 65535 : s.channels <= most_exponentials;
  }

  template <Kind K>
  static void run(const NormalizeArguments& n) {
    n.constants->shape.input == ElementType::u8 ? run_all<K, ElementType::u8>(n)
                                                : run_all<K, ElementType::i16>(n);
  }
};

}  // namespace
}  // namespace octavo::kernels::common
