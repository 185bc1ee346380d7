// The product of two activations: a pointwise convolution whose weights are packed anew
// for each row. The zero point of `a` goes into the bias, minus itself times the sum of a
// column of b.
#pragma once

#include "kernels/common/dense.h"

namespace octavo::kernels::common {
namespace {

// A Right has
//   Room                     the scratch that packing needs, from take_room(shape, scratch)
//   pack(arguments, row, shape, room, packed)  the right operand of a row and its bias, as
//                            Dense::pack would from the same weights
template <class Dense, class Right>
struct MatMulLoops {
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
    s.residual = m.residual;
    s.output_width = m.width;
    return s;
  }

  struct Room {
    typename Right::Room right;
    std::byte *packed, *convolution;
  };
  static Room take_room(const ConvolutionShape& s, Scratch& scratch) {
    Room room{};
    room.right = Right::take_room(s, scratch);
    room.packed =
        scratch.take<std::byte>(static_cast<int64_t>(Dense::packed_bytes(s)) + slack_bytes);
    room.convolution = scratch.take<std::byte>(static_cast<int64_t>(Dense::scratch_bytes(s)));
    return room;
  }

  static bool accepts(const MatMulShape& m) { return Dense::accepts(convolution_of(m)); }

  static size_t prepared_bytes(const MatMulShape& m) {
    return Dense::prepared_bytes(convolution_of(m));
  }
  static void prepare(const MatMulConstants& m, std::byte* prepared) {
    ConvolutionConstants k{};
    k.shape = convolution_of(m.shape);
    k.epilogue = m.epilogue;
    Dense::prepare(k, prepared);
  }

  static size_t scratch_bytes(const MatMulShape& m) {
    Scratch scratch;
    take_room(convolution_of(m), scratch);
    return scratch.bytes();
  }

  static void run(const MatMulArguments& m) {
    ConvolutionConstants k{};
    k.shape = convolution_of(m.constants->shape);
    k.epilogue = m.constants->epilogue;
    k.prepared = m.constants->prepared;
    const ConvolutionShape& s = k.shape;
    Scratch scratch(m.scratch);
    const Room room = take_room(s, scratch);
    k.packed = room.packed;
    ConvolutionArguments a{};
    a.constants = &k;
    a.scratch = room.convolution;
    a.output_rows = 1;
    a.output_width = m.width;
    a.channel_end = s.output_channels;
    for (int32_t r = 0; r < m.rows; ++r) {
      a.input = {m.a.row + r, m.a.pixel_bytes};
      a.output = {m.output.row + r, m.output.pixel_bytes};
      if (s.has_residual) a.residual = {m.residual.row + r, m.residual.pixel_bytes};
      Right::pack(m, r, s, room.right, room.packed);
      Dense::run(a);
    }
  }

  static constexpr MatMulKernel row(const char* name, FeatureSet features) {
    return {name, features, accepts, prepared_bytes, prepare, scratch_bytes, run};
  }
};

}  // namespace
}  // namespace octavo::kernels::common
