// Convolution in groups of 4, 8 or 16 channels, as many out as in, by vpdpbusd. A lane
// of 16 output channels reads exactly the same 16 input channels, so that in lane order
// (lanes.h) the operand of a vector is a dword of each lane spread over that lane: one
// vpshufd, and every product is a useful one.
//
// Packed, for each block of 64 channels (32 at a tensor's end): the bias in lane order,
// then [tap][4 vectors][dword of the group][channel][4 inputs].
#include "kernels/avx512/lanes.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512::grouped {
namespace {

constexpr int32_t most_pixels = 4;

int32_t taps_of(const ConvolutionShape& s) {
  return s.kernel_h * s.kernel_w;
}

int32_t group_dwords(const ConvolutionShape& s) {
  return s.output_channels / s.groups / 4;
}

bool is_half(const ConvolutionShape& s, int32_t channel) {
  return is_half_block(s.output_channels - channel);
}

template <class Vec>
ptrdiff_t block_bytes(const ConvolutionShape& s) {
  return Vec::channels * 4 * (1 + static_cast<ptrdiff_t>(taps_of(s)) * group_dwords(s));
}

// X pixels of an output row, all channels of one block.
template <class Vec>
struct Tile {
  const ConvolutionShape* shape;
  const std::byte* const* rows;  // of the input, of the window's first row
  ptrdiff_t column;              // bytes from a row's start to the first window and channel
  ptrdiff_t pixel_bytes;
  const uint8_t* packed;
  const BlockEpilogue<Vec>* epilogue;
  std::byte* output;          // the first pixel
  const std::byte* residual;  // null without
  ptrdiff_t output_bytes, residual_bytes;
};

// D dwords a group: 1, 2 or 4. In_words: that of the block's epilogue, where it does not saturate.
template <class Vec, int D, bool In_words, int X>
void compute(const Tile<Vec>& t) {
  using Int = typename Vec::Int;
  constexpr int vb = Vec::vector_bytes;
  const ConvolutionShape& s = *t.shape;
  Int sum[X][4];
  unroll<4 * X>([&](auto i) __attribute__((always_inline)) {
    sum[decltype(i)::value / 4][decltype(i)::value % 4] =
        Vec::load(t.packed + decltype(i)::value % 4 * vb);
  });
  const uint8_t* weights = t.packed + 4 * vb;
  const ptrdiff_t step = s.stride_w * t.pixel_bytes;
  for (int32_t ky = 0; ky < s.kernel_h; ++ky) {
    const uint8_t* from = bytes(t.rows[ky * s.dilation_h]) + t.column;
    for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
      Int pixel[X];
      unroll<X>([&](auto x) __attribute__((always_inline)) {
        pixel[decltype(x)::value] = Vec::load(from + decltype(x)::value * step);
      });
      unroll<4>([&](auto d4) __attribute__((always_inline)) {
        constexpr int dword = decltype(d4)::value;
        constexpr int first = dword / D * D, place = dword % D;  // vectors that read it
        Int w[D];
        unroll<D>([&](auto i) __attribute__((always_inline)) {
          w[decltype(i)::value] =
              Vec::load(weights + ((first + decltype(i)::value) * D + place) * vb);
          keep_in_register(w[decltype(i)::value]);
        });
        unroll<X>([&](auto x4) __attribute__((always_inline)) {
          constexpr int x = decltype(x4)::value;
          const Int data = Vec::template spread_dword<dword>(pixel[x]);
          unroll<D>([&](auto i) __attribute__((always_inline)) {
            constexpr int v = first + decltype(i)::value;
            sum[x][v] = Vec::dot(sum[x][v], data, w[decltype(i)::value]);
          });
        });
      });
      weights += 4 * D * vb;
      from += s.dilation_w * t.pixel_bytes;
    }
  }
  const BlockEpilogue<Vec>& e = *t.epilogue;
  if constexpr (In_words) {
    const Words<Vec> words(e);
    unroll<X>([&](auto x) __attribute__((always_inline)) {
      constexpr int i = decltype(x)::value;
      words.store(e, sum[i], t.output + i * t.output_bytes);
    });
    return;
  }
  if (e.saturates) {
    const Saturation<Vec> saturation(e);
    unroll<X>([&](auto x) __attribute__((always_inline)) {
      constexpr int i = decltype(x)::value;
      Vec::store(t.output + i * t.output_bytes + e.channel, saturation.stored(sum[i]), e.channels);
    });
    return;
  }
  finish_any<Vec, X>(e, [&](auto x) __attribute__((always_inline)) {
    constexpr int i = decltype(x)::value;
    const std::byte* residual = t.residual == nullptr ? nullptr : t.residual + i * t.residual_bytes;
    return Pixel<Vec>{sum[i], t.output + i * t.output_bytes, residual};
  });
}

template <class Vec>
using Compute = void (*)(const Tile<Vec>&);

template <class Vec, int D, bool In_words>
constexpr Compute<Vec> computes[most_pixels] = {
    compute<Vec, D, In_words, 1>, compute<Vec, D, In_words, 2>, compute<Vec, D, In_words, 3>,
    compute<Vec, D, In_words, 4>};

template <class Vec, bool In_words>
const Compute<Vec>* choose_computes(const ConvolutionShape& s) {
  const int32_t dwords = group_dwords(s);
  return dwords == 1   ? computes<Vec, 1, In_words>
         : dwords == 2 ? computes<Vec, 2, In_words>
                       : computes<Vec, 4, In_words>;
}

template <class Vec>
void run_block(const ConvolutionArguments& a, int32_t block) {
  const ConvolutionShape& s = a.constants->shape;
  const int32_t channel = block * Wide::channels;
  Tile<Vec> t{};
  t.shape = &s;
  t.pixel_bytes = a.input.pixel_bytes;
  t.packed = bytes(a.constants->packed) + block * block_bytes<Wide>(s);
  t.epilogue = block_epilogue_at<Vec>(a.constants->prepared, block);
  t.output_bytes = a.output.pixel_bytes;
  t.residual_bytes = a.residual.pixel_bytes;
  const bool in_words = t.epilogue->in_words && !t.epilogue->saturates;
  const Compute<Vec>* chosen =
      in_words ? choose_computes<Vec, true>(s) : choose_computes<Vec, false>(s);
  const int32_t tiles = divide_up(a.output_width, most_pixels);
  for (int32_t r = 0; r < a.output_rows; ++r) {
    t.rows = a.input.row + r * s.stride_h;
    for (int32_t i = 0; i < tiles; ++i) {
      const int32_t from = part_begin(i, a.output_width, tiles),
                    to = part_begin(i + 1, a.output_width, tiles);
      t.column = static_cast<ptrdiff_t>(from) * s.stride_w * t.pixel_bytes + channel;
      t.output = a.output.row[r] + from * a.output.pixel_bytes;
      if (s.has_residual) t.residual = a.residual.row[r] + from * a.residual.pixel_bytes;
      chosen[to - from - 1](t);
    }
  }
}

template <class Vec>
void pack_block(const ConvolutionShape& s, int32_t first, int32_t count, const int8_t* weights,
                const int32_t* bias, std::byte* packed) {
  const int32_t taps = taps_of(s), dwords = group_dwords(s), inputs = dwords * 4;
  int32_t* packed_bias = reinterpret_cast<int32_t*>(packed);
  int8_t* packed_weights = reinterpret_cast<int8_t*>(packed + Vec::channels * 4);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t lane = i / 16, vector = i % 16 / 4, element = i % 4;
    packed_bias[(vector * Vec::lanes + lane) * 4 + element] = bias[first + i];
    const int8_t* from = weights + static_cast<ptrdiff_t>(first + i) * taps * inputs;
    for (int32_t tap = 0; tap < taps; ++tap)
      for (int32_t k = 0; k < inputs; ++k) {
        const ptrdiff_t at = (static_cast<ptrdiff_t>(tap) * 4 + vector) * dwords + k / 4;
        packed_weights[at * Vec::vector_bytes + lane * 16 + element * 4 + k % 4] =
            from[tap * inputs + k];
      }
  }
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  const int32_t inputs = s.input_channels / s.groups;
  return s.input == ElementType::u8 && s.input_channels == s.output_channels &&
         (inputs == 4 || inputs == 8 || inputs == 16);
}

size_t packed_bytes(const ConvolutionShape& s) {
  const int32_t left = s.output_channels % Wide::channels;
  ptrdiff_t size = s.output_channels / Wide::channels * block_bytes<Wide>(s);
  if (left > 0) size += is_half_block(left) ? block_bytes<Half>(s) : block_bytes<Wide>(s);
  return static_cast<size_t>(size);
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; c += Wide::channels) {
    const int32_t count = smaller(Wide::channels, s.output_channels - c);
    if (is_half(s, c))
      pack_block<Half>(s, c, count, weights, bias, packed);
    else
      pack_block<Wide>(s, c, count, weights, bias, packed);
    packed += block_bytes<Wide>(s);
  }
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return block_epilogues_bytes(s.output_channels);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  prepare_blocks(constants, prepared);
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  for (int32_t c = a.channel_begin; c < a.channel_end; c += Wide::channels) {
    const int32_t block = c / Wide::channels;
    if (is_half(s, c))
      run_block<Half>(a, block);
    else
      run_block<Wide>(a, block);
  }
}

}  // namespace octavo::kernels::avx512::grouped
