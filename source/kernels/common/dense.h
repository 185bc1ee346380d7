// Convolution in one or several groups: pointwise, k x k, the stem, fully connected. One
// structure for the ISAs whose tiles are a few pixels by blocks of output channels; a Dot says
// how values of the depth meet a block.
//
// A run is what lies side by side in the input: one tap's channels, or a kernel row's taps
// where channels are few. Runs are padded to whole steps of a Dot: what is read beyond a run meets
// a zero weight. Runs are read where they are, or from the scratch, where a row is brought
// into the Dot's form once. Where runs are much shorter than their steps (a stem of
// 3 channels), all taps of a pixel are gathered into one run there.
//
// A tile is up to Dot::pixels pixels by up to Dot::blocks blocks. Packed: the bias of whole blocks
// of channels; then [block][run][step][the block's weights, in the order of Dot::place]; then a
// byte for each block, 1 where Dot::needs_care. Blocks never cross a group.
#pragma once

#include "kernels/common/basics.h"
#include "kernels/scratch.h"

namespace octavo::kernels::common {
namespace {

constexpr int32_t most_short_pixels = 64;  // of several short rows together
// Of a row at a time: the scratch stays near and small however wide a row is (a pointwise
// map is one row), and a block's weights still meet many pixels.
constexpr int32_t most_row_pixels = 256;
// The channels of a grouped convolution are not split over threads.
constexpr int32_t unsplit = 1 << 24;

// The runs of a tile's pixels, and the weights that they meet.
struct Operands {
  const std::byte* const* inputs;  // [run][pixel of the chunk]
  ptrdiff_t run_step;              // from a run's pointers to the next one's
  ptrdiff_t input_offset;          // of the group's first channel in a pixel
  int32_t runs, steps;             // steps a run
  ptrdiff_t run_bytes;             // of a run's weights
  ptrdiff_t block_bytes;           // from a block's weights to the next one's
  const std::byte* weights;        // of the first block
  const int32_t* bias;
  bool careful;  // see Dot::needs_care

  // Calls f(x, w) for each run, x pointing to P pixels.
  template <int P, class F>
  OCTAVO_INLINE void each_run(const F& f) const {
    const std::byte* const* from = inputs;
    const std::byte* w = weights;
    for (int32_t run = 0; run < runs; ++run, from += run_step, w += run_bytes) {
      const std::byte* x[P];
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        x[decltype(p)::value] = from[decltype(p)::value] + input_offset;
      });
      f(x, w);
    }
  }
};

// A Dot has
//   takes(type)              which inputs it reads
//   pixels, blocks           of a tile at most
//   block                    channels of a block
//   step                     values of the depth that meet a block at a time
//   element_bytes            of a value as it reads it
//   is_restaged(type)        whether inputs of that type must pass through the scratch for it,
//   stage(type, from, count, to)  and how: whole vectors may be read and written
//   shifted                  whether what it reads is the input - 128: then the bias makes up for
//   it place(k, lane, steps)    of a run's weight, the k-th of a lane's channel, in the packed run
//   together                 that many weights of a channel lie side by side there
//   needs_care(run, steps)   whether packed weights need another accumulation (Operands::careful)
//   prove(constants, channel, count)  whether sums of up to `blocks` blocks are stored without
//                            a detour: what these loops prepare, a byte for each
//   Outputs                  what a tile writes: outputs_of(arguments), then for each of its blocks
//                            set_channels(channel, count, is_plain, outputs)
//   compute<V, P>(operands, outputs)  V blocks of P pixels, from the sums to what is stored
template <class Dot>
struct DenseLoops {
  static constexpr ptrdiff_t element = Dot::element_bytes;
  static constexpr int32_t block = Dot::block, step_weights = block * Dot::step;
  static constexpr int32_t tile_channels = Dot::blocks * block;

  struct Layout {
    int32_t group_inputs, group_outputs;
    bool gathered, merged;
    int32_t taps;  // runs a kernel row
    int32_t runs, run_values, steps;
    int32_t group_blocks;
    ptrdiff_t blocks, run_bytes, block_bytes, bias_bytes;
  };

  static Layout layout_of(const ConvolutionShape& s) {
    Layout l;
    l.group_inputs = s.input_channels / s.groups;
    l.group_outputs = s.output_channels / s.groups;
    const int32_t row_values = s.kernel_w * l.group_inputs, all = row_values * s.kernel_h;
    l.merged = s.groups == 1 && s.dilation_w == 1;
    const int32_t apart = l.merged ? s.kernel_h * divide_up(row_values, Dot::step)
                                   : s.kernel_h * s.kernel_w * divide_up(l.group_inputs, Dot::step);
    l.gathered = s.groups == 1 && all <= 256 && 3 * divide_up(all, Dot::step) <= 2 * apart;
    l.taps = l.merged ? 1 : s.kernel_w;
    l.runs = l.gathered ? 1 : s.kernel_h * l.taps;
    l.run_values = l.gathered ? all : l.merged ? row_values : l.group_inputs;
    l.steps = divide_up(l.run_values, Dot::step);
    l.run_bytes = ptrdiff_t{l.steps} * step_weights;
    l.group_blocks = divide_up(l.group_outputs, block);
    l.blocks = ptrdiff_t{l.group_blocks} * s.groups;
    l.block_bytes = l.runs * l.run_bytes;
    l.bias_bytes = l.blocks * block * 4;
    return l;
  }

  // The scratch. Several output rows at a time only where they share no input rows and are
  // short; a long row in parts.
  struct Room {
    bool is_staged;
    int32_t rows, columns;  // of the output at a time
    int32_t input_columns;  // of a row of them
    int32_t pixels;         // rows * columns
    ptrdiff_t row_bytes;
    std::byte* staged;         // [row][kernel row][column][channel], or [row][pixel][run]
    const std::byte** inputs;  // tables of pixels: where their runs begin, [run][pixel],
    std::byte** output;        // and what they are
    const std::byte** residual;
  };

  static int32_t input_columns(const ConvolutionShape& s, int32_t columns) {
    return (columns - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1;
  }

  // Rows pass through the scratch to be gathered, because the Dot asks for it, or because a kernel
  // row's taps do not lie side by side in a slice of a wider tensor.
  static Room take_room(const ConvolutionShape& s, const Layout& l, Scratch& scratch) {
    Room room{};
    room.is_staged =
        l.gathered || Dot::is_restaged(s.input) || (l.merged && s.kernel_w > 1 && s.input_is_slice);
    room.rows = s.pointwise() ? larger(1, most_short_pixels / s.output_width) : 1;
    room.rows = smaller(room.rows, s.output_height);
    room.columns = smaller(s.output_width, most_row_pixels);
    room.input_columns = input_columns(s, room.columns);
    room.pixels = room.rows * room.columns;
    room.row_bytes = l.gathered ? ptrdiff_t{room.columns} * l.steps * Dot::step * element
                                : ptrdiff_t{room.input_columns} * s.input_channels * element;
    // Whole vectors are written, runs are read in whole steps.
    const ptrdiff_t staged_rows = room.rows * (l.gathered ? 1 : s.kernel_h);
    room.staged = scratch.take<std::byte>(room.is_staged ? staged_rows * room.row_bytes + 64 : 0);
    room.output = scratch.take<std::byte*>(room.pixels);
    room.residual = scratch.take<const std::byte*>(room.pixels);
    room.inputs = scratch.take<const std::byte*>(int64_t{l.runs} * room.pixels);
    return room;
  }

  struct Tile {
    Operands operands;
    typename Dot::Outputs outputs;
  };

  template <int V, int P>
  static void compute(const Tile& t) {
    Dot::template compute<V, P>(t.operands, t.outputs);
  }

  using Compute = void (*)(const Tile&);
  template <int... I>
  static Compute compute_of(int32_t blocks, int32_t pixels, std::integer_sequence<int, I...>) {
    static constexpr Compute all[] = {compute<I / Dot::pixels + 1, I % Dot::pixels + 1>...};
    return all[(blocks - 1) * Dot::pixels + pixels - 1];
  }

  // Output pixels that are processed together.
  struct Chunk {
    const ConvolutionArguments* arguments;
    Layout layout;
    Room room;
    int32_t row = 0, rows = 0, column = 0, columns = 0;

    const std::byte* input_row(int32_t output_row, int32_t ky) const {
      const ConvolutionShape& s = arguments->constants->shape;
      return arguments->input.row[output_row * s.stride_h + ky * s.dilation_h] +
             ptrdiff_t{column} * s.stride_w * arguments->input.pixel_bytes;
    }
  };

  static Chunk chunk_of(const ConvolutionArguments& a) {
    Chunk k{};
    k.arguments = &a;
    k.layout = layout_of(a.constants->shape);
    Scratch scratch(a.scratch);
    k.room = take_room(a.constants->shape, k.layout, scratch);
    return k;
  }

  static void place_pixels(const Chunk& k) {
    const ConvolutionArguments& a = *k.arguments;
    const ConvolutionShape& s = a.constants->shape;
    const Layout& l = k.layout;
    const int32_t columns = k.columns;
    const ptrdiff_t pixel = k.room.is_staged ? s.input_channels * element : a.input.pixel_bytes;
    for (int32_t r = 0; r < k.rows; ++r) {
      std::byte* output = a.output.row[k.row + r] + k.column * a.output.pixel_bytes;
      for (int32_t x = 0; x < columns; ++x)
        k.room.output[r * columns + x] = output + x * a.output.pixel_bytes;
      for (int32_t x = 0; s.has_residual && x < columns; ++x)
        k.room.residual[r * columns + x] =
            a.residual.row[k.row + r] + (k.column + x) * a.residual.pixel_bytes;
      for (int32_t run = 0; run < l.runs; ++run) {
        const int32_t ky = run / l.taps;
        const std::byte* from = l.gathered ? k.room.staged + r * k.room.row_bytes
                                : k.room.is_staged
                                    ? k.room.staged + (r * s.kernel_h + ky) * k.room.row_bytes
                                    : k.input_row(k.row + r, ky);
        from += ptrdiff_t{run % l.taps} * s.dilation_w * pixel;
        const std::byte** to = k.room.inputs + ptrdiff_t{run} * k.room.pixels + r * columns;
        const ptrdiff_t step = l.gathered ? l.steps * Dot::step * element : s.stride_w * pixel;
        for (int32_t x = 0; x < columns; ++x) to[x] = from + x * step;
      }
    }
  }

  // In the Dot's form. What is written too much the next run or row overwrites, or it is in the
  // scratch's slack.
  static void stage_row(const Chunk& k, const std::byte* from, std::byte* to) {
    const ConvolutionArguments& a = *k.arguments;
    const ElementType type = a.constants->shape.input;
    const ptrdiff_t channels = a.constants->shape.input_channels;
    const int32_t columns = input_columns(a.constants->shape, k.columns);
    if (a.input.pixel_bytes == channels * element_bytes(type))
      return Dot::stage(type, from, columns * channels, to);
    for (int32_t x = 0; x < columns; ++x)
      Dot::stage(type, from + x * a.input.pixel_bytes, channels, to + x * channels * element);
  }

  // All taps of each pixel of an output row, one behind the other.
  static void gather_row(const Chunk& k, int32_t row, std::byte* to) {
    const ConvolutionArguments& a = *k.arguments;
    const ConvolutionShape& s = a.constants->shape;
    const ptrdiff_t pixel = a.input.pixel_bytes, channels = s.input_channels;
    const bool together = s.dilation_w == 1 && pixel == channels * element_bytes(s.input);
    const ptrdiff_t taps = together ? 1 : s.kernel_w,
                    values = together ? s.kernel_w * channels : channels;
    const ptrdiff_t run = ptrdiff_t{k.layout.steps} * Dot::step * element;
    for (int32_t x = 0; x < k.columns; ++x, to += run) {
      std::byte* tap = to;
      for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
        const std::byte* from = k.input_row(row, ky) + ptrdiff_t{x} * s.stride_w * pixel;
        for (ptrdiff_t kx = 0; kx < taps; ++kx, tap += values * element)
          Dot::stage(s.input, from + kx * s.dilation_w * pixel, values, tap);
      }
    }
  }

  static void stage_rows(const Chunk& k) {
    const int32_t kernel_h = k.arguments->constants->shape.kernel_h;
    std::byte* to = k.room.staged;
    for (int32_t r = 0; k.room.is_staged && r < k.rows; ++r) {
      if (k.layout.gathered) {
        gather_row(k, k.row + r, to);
        to += k.room.row_bytes;
        continue;
      }
      for (int32_t ky = 0; ky < kernel_h; ++ky, to += k.room.row_bytes)
        stage_row(k, k.input_row(k.row + r, ky), to);
    }
  }

  // `blocks` of output channels for all pixels of a chunk.
  static void run_blocks(const Chunk& k, int32_t blocks, Tile& t) {
    const int32_t all = k.rows * k.columns, tiles = divide_up(all, Dot::pixels);
    for (int32_t i = 0; i < tiles; ++i) {
      const int32_t from = part_begin(i, all, tiles), to = part_begin(i + 1, all, tiles);
      t.operands.inputs = k.room.inputs + from;
      t.outputs.output = k.room.output + from;
      t.outputs.residual = k.room.residual + from;
      compute_of(blocks, to - from,
                 std::make_integer_sequence<int, Dot::blocks * Dot::pixels>{})(t);
    }
  }

  static void run_chunk(const Chunk& k) {
    const ConvolutionArguments& a = *k.arguments;
    const Layout& l = k.layout;
    Tile t{};
    t.outputs = Dot::outputs_of(a);
    t.operands.runs = l.runs;
    t.operands.steps = l.steps;
    t.operands.run_bytes = l.run_bytes;
    t.operands.block_bytes = l.block_bytes;
    t.operands.run_step = k.room.pixels;
    for (int32_t group = 0; group < a.constants->shape.groups; ++group) {
      const int32_t first = group * l.group_outputs;
      const int32_t begin = larger(a.channel_begin - first, 0);
      const int32_t end = smaller(a.channel_end - first, l.group_outputs);
      const std::byte* plain = a.constants->prepared + group * tiles_of(l);
      for (int32_t c = begin; c < end; c += tile_channels) {
        const int32_t count = smaller(end - c, tile_channels), blocks = divide_up(count, block);
        const ptrdiff_t index = ptrdiff_t{group} * l.group_blocks + c / block;
        const std::byte* cares =
            a.constants->packed + l.bias_bytes + l.blocks * l.block_bytes + index;
        t.operands.weights = a.constants->packed + l.bias_bytes + index * l.block_bytes;
        t.operands.bias = reinterpret_cast<const int32_t*>(a.constants->packed) + index * block;
        t.operands.careful = cares[0] != std::byte{0} || cares[blocks - 1] != std::byte{0};
        t.operands.input_offset = ptrdiff_t{group} * l.group_inputs * element;
        Dot::set_channels(first + c, count, plain[c / tile_channels] != std::byte{0}, t.outputs);
        run_blocks(k, blocks, t);
      }
    }
  }

  // --- behind the rows of a table ---

  static bool accepts(const ConvolutionShape& s) { return Dot::takes(s.input) && s.groups == 1; }
  static bool accepts_grouped(const ConvolutionShape& s) {
    return Dot::takes(s.input) && s.groups > 1 && s.output_channels < unsplit;
  }

  static size_t packed_bytes(const ConvolutionShape& s) {
    const Layout l = layout_of(s);
    return static_cast<size_t>(l.bias_bytes + l.blocks * (l.block_bytes + 1));
  }

  static void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
                   std::byte* packed) {
    const Layout l = layout_of(s);
    __builtin_memset(packed, 0, packed_bytes(s));
    int32_t* packed_bias = reinterpret_cast<int32_t*>(packed);
    int8_t* blocks = reinterpret_cast<int8_t*>(packed + l.bias_bytes);
    for (int32_t o = 0; o < s.output_channels; ++o) {
      const int32_t group = o / l.group_outputs, in_group = o % l.group_outputs;
      const ptrdiff_t index = ptrdiff_t{group} * l.group_blocks + in_group / block;
      const int32_t lane = in_group % block;
      int32_t sum = bias[o];
      for (ptrdiff_t k = 0; Dot::shifted && k < ptrdiff_t{l.runs} * l.run_values; ++k)
        sum += 128 * weights[k];
      packed_bias[index * block + lane] = sum;
      for (int32_t run = 0; run < l.runs; ++run, weights += l.run_values) {
        int8_t* to = blocks + index * l.block_bytes + run * l.run_bytes;
        int32_t k = 0;
        for (; k + Dot::together <= l.run_values; k += Dot::together)
          __builtin_memcpy(to + Dot::place(k, lane, l.steps), weights + k, Dot::together);
        for (; k < l.run_values; ++k) to[Dot::place(k, lane, l.steps)] = weights[k];
      }
    }
    for (ptrdiff_t index = 0; index < l.blocks; ++index) {
      bool careful = false;
      for (int32_t run = 0; run < l.runs; ++run)
        careful |= Dot::needs_care(blocks + index * l.block_bytes + run * l.run_bytes, l.steps);
      blocks[l.blocks * l.block_bytes + index] = careful ? 1 : 0;
    }
  }

  // The channels of a group, as many at a time as a tile takes.
  static ptrdiff_t tiles_of(const Layout& l) { return divide_up(l.group_outputs, tile_channels); }

  static size_t prepared_bytes(const ConvolutionShape& s) {
    return static_cast<size_t>(s.groups * tiles_of(layout_of(s)));
  }

  static void prepare(const ConvolutionConstants& k, std::byte* prepared) {
    const Layout l = layout_of(k.shape);
    for (int32_t first = 0; first < k.shape.output_channels; first += l.group_outputs)
      for (int32_t c = 0; c < l.group_outputs; c += tile_channels)
        *prepared++ = static_cast<std::byte>(
            Dot::prove(k, first + c, smaller(l.group_outputs - c, tile_channels)));
  }

  static size_t scratch_bytes(const ConvolutionShape& s) {
    Scratch scratch;
    take_room(s, layout_of(s), scratch);
    return scratch.bytes();
  }

  static void run(const ConvolutionArguments& a) {
    Chunk k = chunk_of(a);
    for (; k.row < a.output_rows; k.row += k.rows) {
      k.rows = smaller(k.room.rows, a.output_rows - k.row);
      for (k.column = 0; k.column < a.output_width; k.column += k.columns) {
        k.columns = smaller(k.room.columns, a.output_width - k.column);
        stage_rows(k);
        place_pixels(k);
        run_chunk(k);
      }
    }
  }

  static constexpr ConvolutionKernel row(const char* name, FeatureSet features) {
    return {name,           features, accepts,       16, packed_bytes, pack,
            prepared_bytes, prepare,  scratch_bytes, run};
  }
  static constexpr ConvolutionKernel grouped_row(const char* name, FeatureSet features) {
    return {name, features,       accepts_grouped, unsplit,       packed_bytes,
            pack, prepared_bytes, prepare,         scratch_bytes, run};
  }

  // For a folder without depthwise kernels, in front of one that has them: groups of one channel
  // are left to these.
  static bool accepts_wider_groups(const ConvolutionShape& s) {
    return s.input_channels > s.groups && accepts_grouped(s);
  }
  static constexpr ConvolutionKernel wider_groups_row(const char* name, FeatureSet features) {
    ConvolutionKernel row = grouped_row(name, features);
    row.accepts = accepts_wider_groups;
    return row;
  }
};

}  // namespace
}  // namespace octavo::kernels::common
