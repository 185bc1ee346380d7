// Depthwise convolutions with several outputs a channel (a channel multiplier), by a depthwise
// kernel: of the rows that it reads, each channel is laid down once for each of its outputs.
#pragma once

#include "kernels/common/basics.h"
#include "kernels/scratch.h"

namespace octavo::kernels::common {
namespace {

// y[m * c + i] = x[c] for i < m, of the channels [begin, end) of a row's pixels.
template <class Element, int Multiplier>
void repeat_channels(const std::byte* x, ptrdiff_t x_step, std::byte* y, ptrdiff_t y_step,
                     int32_t columns, int32_t begin, int32_t end, int32_t any) {
  const int32_t multiplier = Multiplier == 0 ? any : Multiplier;
  for (int32_t column = 0; column < columns; ++column, x += x_step, y += y_step) {
    const auto* from = reinterpret_cast<const Element*>(x);
    auto* to = reinterpret_cast<Element*>(y);
    for (int32_t c = begin; c < end; ++c) {
      for (int32_t i = 0; i < multiplier; ++i) to[c * multiplier + i] = from[c];
    }
  }
}

template <class Element>
void repeat_channels(const std::byte* x, ptrdiff_t x_step, std::byte* y, ptrdiff_t y_step,
                     int32_t columns, int32_t begin, int32_t end, int32_t multiplier) {
  const auto repeat = multiplier == 2   ? repeat_channels<Element, 2>
                      : multiplier == 4 ? repeat_channels<Element, 4>
                                        : repeat_channels<Element, 0>;
  repeat(x, x_step, y, y_step, columns, begin, end, multiplier);
}

// The functions of a row, over those of a row of depthwise convolutions.
template <const ConvolutionKernel& Depthwise>
struct ChannelMultiplier {
  // Rows of output whose input is laid down together: those of a window are read again from one
  // band to the next.
  static constexpr int32_t band = 8;

  static ConvolutionShape widened(const ConvolutionShape& s) {
    ConvolutionShape out = s;
    out.input_channels = out.groups = s.output_channels;
    out.input_is_slice = false;
    return out;
  }
  // From one channel a dense kernel makes all outputs.
  static bool accepts(const ConvolutionShape& s) {
    return s.groups > 1 && s.groups == s.input_channels && s.output_channels > s.groups &&
           Depthwise.accepts(widened(s));
  }
  static size_t packed_bytes(const ConvolutionShape& s) {
    return Depthwise.packed_bytes(widened(s));
  }
  static void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
                   std::byte* packed) {
    Depthwise.pack(widened(s), weights, bias, packed);
  }
  static ConvolutionConstants widened(const ConvolutionConstants& constants) {
    ConvolutionConstants out = constants;
    out.shape = widened(constants.shape);
    return out;
  }
  static size_t prepared_bytes(const ConvolutionShape& s) {
    return Depthwise.prepared_bytes(widened(s));
  }
  static void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
    Depthwise.prepare(widened(constants), prepared);
  }

  static int32_t input_extent(int32_t outputs, int32_t kernel, int32_t stride, int32_t dilation) {
    return (outputs - 1) * stride + (kernel - 1) * dilation + 1;
  }
  static int32_t input_rows(const ConvolutionShape& s, int32_t rows) {
    return input_extent(rows, s.kernel_h, s.stride_h, s.dilation_h);
  }
  static int32_t input_columns(const ConvolutionShape& s, int32_t columns) {
    return input_extent(columns, s.kernel_w, s.stride_w, s.dilation_w);
  }
  static ptrdiff_t pixel_bytes(const ConvolutionShape& s) {
    return s.output_channels * element_bytes(s.input);
  }

  struct Room {
    const std::byte** rows;  // of a band's input; null until laid down
    std::byte* pixels;
    std::byte* of_depthwise;
  };
  static Room take_room(const ConvolutionShape& s, Scratch& scratch) {
    const int64_t rows = input_rows(s, smaller(band, s.output_height));
    const int64_t row_bytes = input_columns(s, s.output_width) * int64_t{pixel_bytes(s)};
    Room room;
    room.rows = scratch.take<const std::byte*>(rows);
    room.pixels = scratch.take<std::byte>(rows * row_bytes + slack_bytes);
    room.of_depthwise =
        scratch.take<std::byte>(static_cast<int64_t>(Depthwise.scratch_bytes(widened(s))));
    return room;
  }
  static size_t scratch_bytes(const ConvolutionShape& s) {
    Scratch scratch;
    take_room(s, scratch);
    return scratch.bytes();
  }

  // Input rows for the output rows from `first` on, of the channels that the arguments name.
  static void lay_rows(const ConvolutionArguments& a, int32_t first, int32_t rows,
                       const Room& room) {
    const ConvolutionShape& s = a.constants->shape;
    const int32_t multiplier = s.output_channels / s.input_channels;
    const int32_t columns = input_columns(s, a.output_width);
    const auto repeat =
        element_bytes(s.input) == 1 ? repeat_channels<uint8_t> : repeat_channels<uint16_t>;
    for (int32_t i = 0; i < input_rows(s, rows); ++i) room.rows[i] = nullptr;
    for (int32_t r = 0; r < rows; ++r) {
      for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
        const int32_t i = r * s.stride_h + ky * s.dilation_h;
        if (room.rows[i] != nullptr) continue;
        std::byte* to = room.pixels + ptrdiff_t{i} * columns * pixel_bytes(s);
        repeat(a.input.row[first * s.stride_h + i], a.input.pixel_bytes, to, pixel_bytes(s),
               columns, a.channel_begin / multiplier, divide_up(a.channel_end, multiplier),
               multiplier);
        room.rows[i] = to;
      }
    }
  }

  static void run(const ConvolutionArguments& a) {
    const ConvolutionShape& s = a.constants->shape;
    Scratch scratch(a.scratch);
    const Room room = take_room(s, scratch);
    const ConvolutionConstants constants = widened(*a.constants);
    ConvolutionArguments part = a;
    part.constants = &constants;
    part.input = {room.rows, pixel_bytes(s)};
    part.scratch = room.of_depthwise;
    for (int32_t first = 0; first < a.output_rows; first += band) {
      part.output_rows = smaller(band, a.output_rows - first);
      part.output.row = a.output.row + first;
      if (s.has_residual) part.residual.row = a.residual.row + first;
      lay_rows(a, first, part.output_rows, room);
      Depthwise.run(part);
    }
  }

  static constexpr ConvolutionKernel row(const char* name) {
    return {.name = name,
            .requires_features = Depthwise.requires_features,
            .accepts = accepts,
            .channel_step = Depthwise.channel_step,
            .packed_bytes = packed_bytes,
            .pack = pack,
            .prepared_bytes = Depthwise.prepared_bytes == nullptr ? nullptr : prepared_bytes,
            .prepare = Depthwise.prepare == nullptr ? nullptr : prepare,
            .scratch_bytes = scratch_bytes,
            .run = run};
  }
};

}  // namespace
}  // namespace octavo::kernels::common
