// The product of two activations: a pointwise convolution whose weights are packed anew
// for each row. The zero point of `a` goes into the bias, minus itself times the sum of a
// column of b.
#pragma once

#include "kernels/neon/dense.h"

namespace octavo::kernels::neon {
namespace {

template <class Dot>
struct MatMul {
  // Of one row: `width` pixels and all channels.
  static ConvolutionShape convolution_of(const MatMulShape& m) {
    ConvolutionShape s{};
    s.input_channels = m.depth;
    s.output_channels = m.channels;
    s.groups = s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1;
    s.input = m.a;
    s.output = m.output;
    s.activation = m.activation;
    s.has_residual = m.has_residual;
    return s;
  }

  // The scratch: the right operand as weights [channel][depth] and its bias, both packed, and
  // the convolution's own.
  struct Room {
    int8_t* weights;
    int32_t* bias;
    std::byte *packed, *convolution;
  };
  static Room take_room(const ConvolutionShape& s, int32_t width, Scratch& scratch) {
    Room room{};
    room.weights = scratch.take<int8_t>(int64_t{s.output_channels} * s.input_channels);
    room.bias = scratch.take<int32_t>(s.output_channels);
    room.packed =
        scratch.take<std::byte>(static_cast<int64_t>(Dense<Dot>::packed_bytes(s)) + slack_bytes);
    room.convolution =
        scratch.take<std::byte>(static_cast<int64_t>(Dense<Dot>::scratch_bytes(s, width)));
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

  static void pack(const MatMulArguments& m, int32_t r, const ConvolutionShape& s,
                   const Room& room) {
    const int32_t depth = s.input_channels, channels = s.output_channels;
    if (m.shape->transpose_b) {
      for (int32_t c = 0; c < channels; ++c)
        __builtin_memcpy(room.weights + ptrdiff_t{c} * depth, m.b.row[r] + c * m.b.pixel_bytes,
                         static_cast<size_t>(depth));
    } else {
      transpose(m.b.row[r], m.b.pixel_bytes, depth, channels, room.weights);
    }
    for (int32_t c = 0; c < channels; ++c)
      room.bias[c] = -m.a_zero * sum_of(room.weights + ptrdiff_t{c} * depth, depth);
    Dense<Dot>::pack(s, room.weights, room.bias, room.packed);
  }

  static bool accepts(const MatMulShape& m) { return Dense<Dot>::takes(convolution_of(m)); }

  static size_t scratch_bytes(const MatMulShape& m, int32_t width) {
    Scratch scratch;
    take_room(convolution_of(m), width, scratch);
    return scratch.bytes();
  }

  static void run(const MatMulArguments& m) {
    const ConvolutionShape s = convolution_of(*m.shape);
    Scratch scratch(m.scratch);
    const Room room = take_room(s, m.width, scratch);
    ConvolutionArguments a{};
    a.shape = &s;
    a.packed = room.packed;
    a.scratch = room.convolution;
    a.epilogue = m.epilogue;
    a.output_rows = 1;
    a.output_width = m.width;
    a.channel_end = s.output_channels;
    for (int32_t r = 0; r < m.rows; ++r) {
      a.input = {m.a.row + r, m.a.pixel_bytes};
      a.output = {m.output.row + r, m.output.pixel_bytes};
      if (s.has_residual) a.residual = {m.residual.row + r, m.residual.pixel_bytes};
      pack(m, r, s, room);
      Dense<Dot>::run(a);
    }
  }

  static constexpr MatMulKernel row(const char* name, FeatureSet features) {
    return {name, features, accepts, scratch_bytes, run};
  }
};

}  // namespace
}  // namespace octavo::kernels::neon
