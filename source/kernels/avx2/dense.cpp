// Convolution of 8- or 16-bit activations by vpmaddwd: pointwise, k x k, the stem, fully connected,
// and groups, each a convolution of its own.
//
// The input rows under a few output rows are widened to 16 bits in the scratch, where a
// pixel is just its channels; a run is what lies side by side there, a kernel row's taps
// or (with groups or dilation) one tap. Runs are padded to pairs: the word read beyond a
// run meets a zero weight. A tile is P pixels by V vectors of 8 output channels; a pair
// of input words is broadcast and meets a vector of 8 x 2 weights.
//
// Packed: the bias, int32, of whole vectors; then for each vector of output channels
// all pairs of all runs, [vector][run][pair][8][2], widened as they are loaded. Vectors
// never cross a group.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx2::dense {
namespace {

constexpr int32_t most_pixels = 6, most_vectors = 2;  // 12 of 16 registers are sums
constexpr int32_t most_short_pixels = 64;             // of several short rows together

struct Layout {
  int32_t group_inputs, group_outputs;
  bool merged;
  int32_t runs, run_words, pairs;  // pairs a run
  int32_t group_vectors;
  ptrdiff_t vectors, vector_bytes, bias_bytes;
};

Layout layout_of(const ConvolutionShape& s) {
  Layout l;
  l.group_inputs = s.input_channels / s.groups;
  l.group_outputs = s.output_channels / s.groups;
  l.merged = s.groups == 1 && s.dilation_w == 1;
  l.runs = l.merged ? s.kernel_h : s.kernel_h * s.kernel_w;
  l.run_words = l.merged ? s.kernel_w * l.group_inputs : l.group_inputs;
  l.pairs = divide_up(l.run_words, 2);
  l.group_vectors = divide_up(l.group_outputs, 8);
  l.vectors = static_cast<ptrdiff_t>(l.group_vectors) * s.groups;
  l.vector_bytes = static_cast<ptrdiff_t>(l.runs) * l.pairs * 16;
  l.bias_bytes = l.vectors * 32;
  return l;
}

// The parts of the scratch. Several output rows at a time only where they share no input
// rows and are short.
struct Room {
  int32_t rows;           // output rows at a time
  int32_t input_columns;  // of a widened row: at most the padded input's
  int32_t pixels;         // output pixels at a time
  ptrdiff_t row_words;
  int16_t* widened;    // [row][kernel row][column][channel]
  std::byte** output;  // tables of pixels: what they are,
  const std::byte** residual;
  const int16_t** inputs;  // and where their runs begin, [run][pixel]
};

Room take_room(const ConvolutionShape& s, const Layout& l, int32_t width, Scratch& scratch) {
  Room room{};
  const bool pointwise = s.kernel_h == 1 && s.kernel_w == 1;
  room.rows = pointwise ? larger(1, most_short_pixels / width) : 1;
  room.input_columns = (width - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1;
  room.row_words = static_cast<ptrdiff_t>(room.input_columns) * s.input_channels;
  room.pixels = room.rows * width;
  // 16 more words: widening writes whole vectors, runs are read in whole pairs.
  room.widened = scratch.take<int16_t>(room.rows * s.kernel_h * room.row_words + 16);
  room.output = scratch.take<std::byte*>(room.pixels);
  room.residual = scratch.take<const std::byte*>(room.pixels);
  room.inputs = scratch.take<const int16_t*>(static_cast<int64_t>(l.runs) * room.pixels);
  return room;
}

struct Tile {
  const int16_t* const* inputs;  // [run][pixel of the chunk]
  ptrdiff_t run_step;            // from a run's pointers to the next one's
  ptrdiff_t input_offset;        // of the group's first channel in a pixel
  int32_t runs, pairs;
  const std::byte* weights;  // of the first vector
  ptrdiff_t vector_bytes;
  const std::byte* bias;
  EpilogueArrays epilogue;                   // from the first channel on
  int32_t channels;                          // how many (of V * 8) exist
  bool saturates, has_residual;              // see saturation_clamps
  ptrdiff_t output_offset, residual_offset;  // of the first channel in a pixel
  std::byte* const* output;
  const std::byte* const* residual;  // null without

  OCTAVO_INLINE std::byte* output_pixel(int32_t p) const { return output[p] + output_offset; }
  OCTAVO_INLINE const std::byte* residual_pixel(int32_t p) const {
    return has_residual ? residual[p] + residual_offset : nullptr;
  }
};

// `vectors` is 1 or 2; all that is read of the epilogue is copied out of the tile, or the
// compiler would read it again after every store.
void finish_tile(const Tile& t, const int32_t* sums, int32_t pixels, int32_t vectors) {
  const EpilogueArrays e = t.epilogue;
  const int32_t channels = t.channels;
  with_activation(e.activation, [&]<Activation A>() {
    for (int32_t p = 0; p < pixels; ++p)
      finish<A>(e, sums + p * vectors * 8, t.residual_pixel(p), t.output_pixel(p), 0, channels);
  });
}

template <int V, int P>
void compute(const Tile& t) {
  __m256i sum[P][V];
  unroll<V * P>([&](auto i) __attribute__((always_inline)) {
    sum[decltype(i)::value / V][decltype(i)::value % V] =
        load(t.bias + decltype(i)::value % V * 32);
  });
  const std::byte* weights = t.weights;
  const int16_t* const* inputs = t.inputs;
  for (int32_t run = 0; run < t.runs; ++run, inputs += t.run_step) {
    const int16_t* x[P];
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      x[decltype(p)::value] = inputs[decltype(p)::value] + t.input_offset;
    });
    const ptrdiff_t end = static_cast<ptrdiff_t>(t.pairs) * 2;
    for (ptrdiff_t k = 0; k < end; k += 2, weights += 16) {
      __m256i w[V];
      unroll<V>([&](auto v) __attribute__((always_inline)) {
        w[decltype(v)::value] =
            _mm256_cvtepi8_epi16(load_half(weights + decltype(v)::value * t.vector_bytes));
        keep_in_register(w[decltype(v)::value]);
        // One pixel waits for its weights alone, which come from far.
        if constexpr (P == 1) prefetch(weights + decltype(v)::value * t.vector_bytes + 1024);
      });
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        constexpr int pixel = decltype(p)::value;
        const __m256i pair = _mm256_set1_epi32(load_dword(x[pixel] + k));
        unroll<V>([&](auto v) __attribute__((always_inline)) {
          constexpr int i = decltype(v)::value;
          sum[pixel][i] = dot(sum[pixel][i], pair, w[i]);
        });
      });
    }
  }
  if (t.saturates) {
    const Saturation<V> saturation(t.epilogue, 0);
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      constexpr int i = decltype(p)::value;
      if (t.has_residual)
        saturation.template store<true>(t.epilogue, sum[i], t.residual_pixel(i), t.output_pixel(i),
                                        0, t.channels);
      else
        saturation.template store<false>(t.epilogue, sum[i], nullptr, t.output_pixel(i), 0,
                                         t.channels);
    });
    return;
  }
  alignas(32) int32_t sums[P * V * 8 + 8];
  unroll<V * P>([&](auto i) __attribute__((always_inline)) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + decltype(i)::value * 8),
                       sum[decltype(i)::value / V][decltype(i)::value % V]);
  });
  finish_tile(t, sums, P, V);
}

using Compute = void (*)(const Tile&);

constexpr Compute computes[most_vectors][most_pixels] = {
    {compute<1, 1>, compute<1, 2>, compute<1, 3>, compute<1, 4>, compute<1, 5>, compute<1, 6>},
    {compute<2, 1>, compute<2, 2>, compute<2, 3>, compute<2, 4>, compute<2, 5>, compute<2, 6>}};

// The same of 16-bit activations.
void copy_row(const std::byte* from, ptrdiff_t pixel_bytes, int32_t columns, int32_t channels,
              int16_t* to) {
  const size_t bytes = 2 * static_cast<size_t>(channels);
  if (pixel_bytes == 2 * channels) {
    __builtin_memcpy(to, from, bytes * static_cast<size_t>(columns));
    return;
  }
  for (int32_t x = 0; x < columns; ++x) {
    __builtin_memcpy(to + static_cast<ptrdiff_t>(x) * channels, from + x * pixel_bytes, bytes);
  }
}

// Words of one input row, `columns` pixels of `channels` each.
void widen_row(const std::byte* from, ptrdiff_t pixel_bytes, int32_t columns, int32_t channels,
               int16_t* to) {
  if (pixel_bytes == channels) {  // one long pixel
    channels *= columns;
    columns = 1;
  }
  for (int32_t x = 0; x < columns; ++x, from += pixel_bytes, to += channels) {
    int32_t c = 0;
    for (; c + 16 <= channels; c += 16)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c),
                          _mm256_cvtepu8_epi16(load_half(from + c)));
    for (; c < channels; ++c) to[c] = static_cast<int16_t>(from[c]);
  }
}

// Output rows [row, row + rows) as they are processed together.
struct Chunk {
  const ConvolutionArguments* arguments;
  Layout layout;
  Room room;
  int32_t row = 0, rows = 0;
};

Chunk chunk_of(const ConvolutionArguments& a) {
  Chunk k{};
  k.arguments = &a;
  k.layout = layout_of(*a.shape);
  Scratch scratch(a.scratch);
  k.room = take_room(*a.shape, k.layout, a.output_width, scratch);
  return k;
}

void place_pixels(const Chunk& k) {
  const ConvolutionArguments& a = *k.arguments;
  const ConvolutionShape& s = *a.shape;
  const int32_t width = a.output_width, taps = k.layout.runs / s.kernel_h;  // runs a kernel row
  for (int32_t r = 0; r < k.rows; ++r) {
    std::byte* output = a.output.row[k.row + r];
    for (int32_t x = 0; x < width; ++x)
      k.room.output[r * width + x] = output + x * a.output.pixel_bytes;
    for (int32_t x = 0; s.has_residual && x < width; ++x)
      k.room.residual[r * width + x] = a.residual.row[k.row + r] + x * a.residual.pixel_bytes;
    for (int32_t run = 0; run < k.layout.runs; ++run) {
      const int16_t* from = k.room.widened + (r * s.kernel_h + run / taps) * k.room.row_words +
                            static_cast<ptrdiff_t>(run % taps) * s.dilation_w * s.input_channels;
      const int16_t** to = k.room.inputs + static_cast<ptrdiff_t>(run) * k.room.pixels + r * width;
      const ptrdiff_t step = static_cast<ptrdiff_t>(s.stride_w) * s.input_channels;
      for (int32_t x = 0; x < width; ++x) to[x] = from + x * step;
    }
  }
}

// One or two vectors of output channels for all pixels of a chunk.
void run_vectors(const Chunk& k, int32_t vectors, Tile& t) {
  const int32_t all = k.rows * k.arguments->output_width, tiles = divide_up(all, most_pixels);
  for (int32_t i = 0; i < tiles; ++i) {
    const int32_t from = part_begin(i, all, tiles), to = part_begin(i + 1, all, tiles);
    t.inputs = k.room.inputs + from;
    t.output = k.room.output + from;
    t.residual = k.room.residual + from;
    computes[vectors - 1][to - from - 1](t);
  }
}

// The epilogue from `channel` on, readable for 16 channels: its own arrays, or copies of
// the last ones (a group may end where the arrays do, in the middle of a vector).
EpilogueArrays epilogue_from(const ConvolutionArguments& a, int32_t channel, float (&room)[7][16]) {
  const int32_t readable =
      divide_up(a.shape->output_channels, channel_round) * channel_round - channel;
  int32_t next = 0;
  const auto advance = [&](const auto*& array) {
    if (readable >= 16) {
      array += channel;
      return;
    }
    float* copy = room[next++];
    __builtin_memcpy(copy, array + channel, sizeof(float) * static_cast<size_t>(readable));
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(copy);
  };
  EpilogueArrays e = a.epilogue;
  advance(e.multiplier);
  advance(e.lo);
  advance(e.hi);
  advance(e.zero);
  if (e.activation != Activation::none) advance(e.output_multiplier);
  if (a.shape->has_residual) {
    advance(e.residual_multiplier);
    advance(e.residual_zero);
  }
  return e;
}

void run_chunk(const Chunk& k) {
  const ConvolutionArguments& a = *k.arguments;
  const Layout& l = k.layout;
  Tile t{};
  t.runs = l.runs;
  t.pairs = l.pairs;
  t.vector_bytes = l.vector_bytes;
  t.has_residual = a.shape->has_residual;
  t.run_step = k.room.pixels;
  float room[7][16] = {};
  for (int32_t group = 0; group < a.shape->groups; ++group) {
    const int32_t first = group * l.group_outputs;
    const int32_t begin = larger(a.channel_begin - first, 0);
    const int32_t end = smaller(a.channel_end - first, l.group_outputs);
    for (int32_t v = begin / 8; v * 8 < end; v += most_vectors) {
      const int32_t vectors = smaller(divide_up(end, 8) - v, most_vectors);
      const ptrdiff_t index = static_cast<ptrdiff_t>(group) * l.group_vectors + v;
      t.weights = a.packed + l.bias_bytes + index * l.vector_bytes;
      t.bias = a.packed + index * 32;
      t.epilogue = epilogue_from(a, first + v * 8, room);
      t.input_offset = static_cast<ptrdiff_t>(group) * l.group_inputs;
      t.output_offset = (first + v * 8) * element_bytes(a.epilogue.output);
      t.residual_offset = (first + v * 8) * element_bytes(a.epilogue.residual);
      t.channels = smaller(end - v * 8, vectors * 8);
      t.saturates = saturation_clamps(t.epilogue, t.has_residual, 0, t.channels) &&
                    saturation_clamps(t.epilogue, t.has_residual, 8, t.channels - 8);
      run_vectors(k, vectors, t);
    }
  }
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return is_activation(s.input) && s.groups == 1;
}

bool accepts_grouped(const ConvolutionShape& s) {
  return is_activation(s.input) && s.groups > 1 && s.output_channels < unsplit;
}

std::byte* packed_column(const ConvolutionShape& s, ptrdiff_t vector, std::byte* packed) {
  const Layout l = layout_of(s);
  return packed + l.bias_bytes + vector * l.vector_bytes;
}

int32_t* packed_bias(ptrdiff_t vector, std::byte* packed) {
  return reinterpret_cast<int32_t*>(packed) + 8 * vector;
}

size_t packed_bytes(const ConvolutionShape& s) {
  const Layout l = layout_of(s);
  return static_cast<size_t>(l.bias_bytes + l.vectors * l.vector_bytes);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  const Layout l = layout_of(s);
  __builtin_memset(packed, 0, packed_bytes(s));
  int32_t* packed_bias = reinterpret_cast<int32_t*>(packed);
  int8_t* packed_weights = reinterpret_cast<int8_t*>(packed + l.bias_bytes);
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const int32_t group = o / l.group_outputs, in_group = o % l.group_outputs;
    const ptrdiff_t vector = static_cast<ptrdiff_t>(group) * l.group_vectors + in_group / 8;
    const int32_t lane = in_group % 8;
    packed_bias[vector * 8 + lane] = bias[o];
    for (int32_t run = 0; run < l.runs; ++run)
      for (int32_t k = 0; k < l.run_words; ++k) {
        const ptrdiff_t pair = static_cast<ptrdiff_t>(run) * l.pairs + k / 2;
        packed_weights[vector * l.vector_bytes + pair * 16 + lane * 2 + k % 2] = *weights++;
      }
  }
}

size_t scratch_bytes(const ConvolutionShape& s, int32_t output_width) {
  // A narrower part of the output may be taken several rows at a time.
  const int32_t width = s.pointwise() ? larger(output_width, most_short_pixels) : output_width;
  Scratch scratch;
  take_room(s, layout_of(s), width, scratch);
  return scratch.bytes();
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = *a.shape;
  Chunk k = chunk_of(a);
  const auto place_row = s.input == ElementType::u8 ? widen_row : copy_row;
  for (; k.row < a.output_rows; k.row += k.rows) {
    k.rows = smaller(k.room.rows, a.output_rows - k.row);
    int16_t* to = k.room.widened;
    for (int32_t r = 0; r < k.rows; ++r)
      for (int32_t ky = 0; ky < s.kernel_h; ++ky, to += k.room.row_words)
        place_row(a.input.row[(k.row + r) * s.stride_h + ky * s.dilation_h], a.input.pixel_bytes,
                  k.room.input_columns, s.input_channels, to);
    place_pixels(k);
    run_chunk(k);
  }
}

}  // namespace octavo::kernels::avx2::dense
