// The right operand of a product of two activations.
#pragma once

#include "kernels/common/matmul.h"
#include "kernels/neon/dense.h"

namespace octavo::kernels::neon {
namespace {

OCTAVO_INLINE int32_t sum_of(const int8_t* values, ptrdiff_t count) {
  int32x4_t sums = vdupq_n_s32(0);
  ptrdiff_t k = 0;
  for (; k + 16 <= count; k += 16) sums = vpadalq_s16(sums, vpaddlq_s8(vld1q_s8(values + k)));
  int32_t sum = vaddvq_s32(sums);
  for (; k < count; ++k) sum += values[k];
  return sum;
}

// As weights [channel][depth], which the Dot packs as those of a convolution.
template <class Dot>
struct Right {
  struct Room {
    int8_t* weights;
    int32_t* bias;
  };
  static Room take_room(const ConvolutionShape& s, Scratch& scratch) {
    Room room{};
    room.weights = scratch.take<int8_t>(int64_t{s.output_channels} * s.input_channels);
    room.bias = scratch.take<int32_t>(s.output_channels);
    return room;
  }

  // b [depth][channels] to [channel][depth], 8 by 8 bytes at a time.
  static void transpose(const std::byte* b, ptrdiff_t pixel_bytes, int32_t depth, int32_t channels,
                        int8_t* to) {
    for (int32_t k = 0; k < depth; k += 8)
      for (int32_t c = 0; c < channels; c += 8) {
        uint8x8_t x[8];
        unroll<8>([&](auto i8) __attribute__((always_inline)) {
          constexpr int i = decltype(i8)::value;
          x[i] = bytes_of(b + smaller(k + i, depth - 1) * pixel_bytes + c);
        });
        // Lane c of the three rounds of zips: a pair, a quad, all eight of the depth.
        const auto zip = [](uint8x8_t low, uint8x8_t high) __attribute__((always_inline)) {
          return vzip1q_u8(vcombine_u8(low, low), vcombine_u8(high, high));
        };
        const uint8x16_t p04 = zip(x[0], x[4]), p15 = zip(x[1], x[5]), p26 = zip(x[2], x[6]),
                         p37 = zip(x[3], x[7]);
        const uint8x16_t low_even = vzip1q_u8(p04, p26), high_even = vzip2q_u8(p04, p26),
                         low_odd = vzip1q_u8(p15, p37), high_odd = vzip2q_u8(p15, p37);
        const uint8x16_t rows[4] = {vzip1q_u8(low_even, low_odd), vzip2q_u8(low_even, low_odd),
                                    vzip1q_u8(high_even, high_odd), vzip2q_u8(high_even, high_odd)};
        for (int32_t i = 0; i < smaller(channels - c, 8); ++i) {
          const uint8x8_t column =
              i % 2 == 0 ? vget_low_u8(rows[i / 2]) : vget_high_u8(rows[i / 2]);
          store_bytes(reinterpret_cast<std::byte*>(to) + ptrdiff_t{c + i} * depth + k, column,
                      depth - k);
        }
      }
  }

  static void pack(const MatMulArguments& m, int32_t r, const ConvolutionShape& s, const Room& room,
                   std::byte* packed) {
    const int32_t depth = s.input_channels, channels = s.output_channels;
    if (m.constants->shape.transpose_b) {
      for (int32_t c = 0; c < channels; ++c)
        __builtin_memcpy(room.weights + ptrdiff_t{c} * depth, m.b.row[r] + c * m.b.pixel_bytes,
                         static_cast<size_t>(depth));
    } else {
      transpose(m.b.row[r], m.b.pixel_bytes, depth, channels, room.weights);
    }
    for (int32_t c = 0; c < channels; ++c)
      room.bias[c] = -m.constants->a_zero * sum_of(room.weights + ptrdiff_t{c} * depth, depth);
    Dense<Dot>::pack(s, room.weights, room.bias, packed);
  }
};

template <class Dot>
using MatMul = common::MatMulLoops<Dense<Dot>, Right<Dot>>;

}  // namespace
}  // namespace octavo::kernels::neon
