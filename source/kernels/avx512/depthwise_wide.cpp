// Depthwise convolution of 16-bit activations by vpdpwssd: two kernel rows are interleaved
// word by word, so that a lane's pair of products is two taps of one channel.
//
// A block is 32 channels, one vector of input words; vpunpck works in 128-bit lanes, so that
// of its two vectors of sums the first holds the channels 8 j + 0..3 of lane j, the second
// 8 j + 4..7. A last kernel row without a partner meets itself with zero weights.
//
// Packing the two puts their words in order: where nothing but the clamp comes behind the product
// with the multiplier, sums go from registers to what is stored without a further shuffle.
//
// Packed, for each block: the bias in that order, then [pair of kernel rows][kernel column]
// [two vectors][channel][2 rows] as int16.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512::depthwise_wide {
namespace {

constexpr int32_t block = 32, most_pixels = 8;

int32_t row_pairs(const ConvolutionShape& s) {
  return divide_up(s.kernel_h, 2);
}

ptrdiff_t block_bytes(const ConvolutionShape& s) {
  return 128 * (1 + static_cast<ptrdiff_t>(row_pairs(s)) * s.kernel_w);
}

// What a block prepares: its multipliers in the order of the sums, and the clamp in 16 bits.
struct alignas(64) Words {
  __m512 low, high;
  WordLimits limits;
};

// Of a whole convolution; behind it, where in_words holds, Words for each block.
struct alignas(64) Prepared {
  Proofs proofs;
  bool in_words;  // no activation, no residual, and conversions are in range

  const Words* words() const { return reinterpret_cast<const Words*>(this + 1); }
};

// P pixels of a row, all channels of one block.
struct Tile {
  const ConvolutionShape* shape;
  const std::byte* const* rows;  // of the input, of the windows' first row
  ptrdiff_t column;              // bytes from a row's start to the first window and channel
  ptrdiff_t pixel_bytes;
  const std::byte* packed;
  const EpilogueArrays* epilogue;
  int32_t channel, channels;
  std::byte* output;
  const std::byte* residual;  // null without
  ptrdiff_t output_bytes, residual_bytes;
  Proofs proofs;
  const Words* words;  // null where sums go by way of memory
};

template <int P>
void compute(const Tile& t) {
  const ConvolutionShape& s = *t.shape;
  const ptrdiff_t step = s.stride_w * t.pixel_bytes;
  __m512i low[P], high[P];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    low[decltype(p)::value] = _mm512_loadu_si512(t.packed);
    high[decltype(p)::value] = _mm512_loadu_si512(t.packed + 64);
  });
  const std::byte* weights = t.packed + 128;
  for (int32_t ky = 0; ky < s.kernel_h; ky += 2) {
    const int32_t partner = ky + 1 < s.kernel_h ? ky + 1 : ky;
    const std::byte* upper = t.rows[ky * s.dilation_h] + t.column;
    const std::byte* lower = t.rows[partner * s.dilation_h] + t.column;
    for (int32_t kx = 0; kx < s.kernel_w; ++kx, weights += 128) {
      const __m512i w_low = _mm512_loadu_si512(weights), w_high = _mm512_loadu_si512(weights + 64);
      unroll<P>([&](auto p) __attribute__((always_inline)) {
        constexpr int i = decltype(p)::value;
        __m512i a = _mm512_loadu_si512(upper + i * step);
        __m512i b = _mm512_loadu_si512(lower + i * step);
        keep_in_register(a);
        keep_in_register(b);
        low[i] = _mm512_dpwssd_epi32(low[i], _mm512_unpacklo_epi16(a, b), w_low);
        high[i] = _mm512_dpwssd_epi32(high[i], _mm512_unpackhi_epi16(a, b), w_high);
      });
      upper += s.dilation_w * t.pixel_bytes;
      lower += s.dilation_w * t.pixel_bytes;
    }
  }
  if (t.words != nullptr) {
    const Words words = *t.words;
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      constexpr int i = decltype(p)::value;
      const __m512 f0 = _mm512_mul_ps(_mm512_cvtepi32_ps(low[i]), words.low);
      const __m512 f1 = _mm512_mul_ps(_mm512_cvtepi32_ps(high[i]), words.high);
      store_rounded(words.limits, t.epilogue->output,
                    _mm512_packs_epi32(_mm512_cvtps_epi32(f0), _mm512_cvtps_epi32(f1)),
                    t.output + i * t.output_bytes, t.channel, t.channels);
    });
    return;
  }
  // Quarters of both vectors in turn are the natural order.
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  alignas(64) int32_t sums[P * block];
  unroll<P>([&](auto p) __attribute__((always_inline)) {
    constexpr int i = decltype(p)::value;
    _mm512_store_si512(sums + i * block, _mm512_permutex2var_epi64(low[i], first, high[i]));
    _mm512_store_si512(sums + i * block + 16, _mm512_permutex2var_epi64(low[i], second, high[i]));
  });
  std::byte* output[P];
  const std::byte* residual[P];
  for (int p = 0; p < P; ++p) {
    output[p] = t.output + p * t.output_bytes;
    if (t.residual != nullptr) residual[p] = t.residual + p * t.residual_bytes;
  }
  finish_pixels(*t.epilogue, {sums, P, 2, t.residual == nullptr ? nullptr : residual, output,
                              t.channel, t.channels, t.proofs});
}

using Compute = void (*)(const Tile&);

constexpr Compute computes[most_pixels] = {compute<1>, compute<2>, compute<3>, compute<4>,
                                           compute<5>, compute<6>, compute<7>, compute<8>};

// Where channel i of a block stands among its 32 sums.
int32_t place_of(int32_t i) {
  return i % 8 / 4 * 16 + i / 8 * 4 + i % 4;
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::i16 && s.groups == s.input_channels &&
         s.groups == s.output_channels;
}

size_t packed_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, block) * block_bytes(s));
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t c = 0; c < s.output_channels; ++c) {
    const int32_t place = place_of(c % block);
    std::byte* to = packed + c / block * block_bytes(s);
    reinterpret_cast<int32_t*>(to)[place] = bias[c];
    int16_t* widened = reinterpret_cast<int16_t*>(to + 128);
    for (int32_t ky = 0; ky < s.kernel_h; ++ky)
      for (int32_t kx = 0; kx < s.kernel_w; ++kx) {
        const ptrdiff_t tap = static_cast<ptrdiff_t>(ky / 2) * s.kernel_w + kx;
        widened[(tap * block + place) * 2 + ky % 2] = *weights++;
      }
  }
}

size_t prepared_bytes(const ConvolutionShape& s) {
  return sizeof(Prepared) +
         static_cast<size_t>(divide_up(s.output_channels, block)) * sizeof(Words);
}

void prepare(const ConvolutionConstants& constants, std::byte* prepared) {
  const EpilogueArrays& e = constants.epilogue;
  auto* made = reinterpret_cast<Prepared*>(prepared);
  prepare_proofs(constants, 1, reinterpret_cast<std::byte*>(&made->proofs));
  made->in_words = ends_in_words(e, made->proofs, constants.shape.has_residual);
  auto* words = reinterpret_cast<Words*>(made + 1);
  for (int32_t c = 0; made->in_words && c < constants.shape.output_channels; c += block, ++words) {
    alignas(64) float ordered[block];
    for (int32_t i = 0; i < block; ++i) ordered[place_of(i)] = e.multiplier[c + i];
    *words = {_mm512_load_ps(ordered), _mm512_load_ps(ordered + 16), word_limits(e, c, c + 16)};
  }
}

size_t scratch_bytes(const ConvolutionShape&) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = a.constants->shape;
  Tile t{};
  t.shape = &s;
  t.pixel_bytes = a.input.pixel_bytes;
  t.epilogue = &a.constants->epilogue;
  t.output_bytes = a.output.pixel_bytes;
  t.residual_bytes = a.residual.pixel_bytes;
  const auto& prepared = *reinterpret_cast<const Prepared*>(a.constants->prepared);
  t.proofs = prepared.proofs;
  const int32_t tiles = divide_up(a.output_width, most_pixels);
  for (int32_t r = 0; r < a.output_rows; ++r) {
    t.rows = a.input.row + r * s.stride_h;
    for (int32_t c = a.channel_begin; c < a.channel_end; c += block) {
      t.packed = a.constants->packed + c / block * block_bytes(s);
      t.words = prepared.in_words ? prepared.words() + c / block : nullptr;
      t.channel = c;
      t.channels = smaller(block, a.channel_end - c);
      for (int32_t i = 0; i < tiles; ++i) {
        const int32_t from = part_begin(i, a.output_width, tiles),
                      to = part_begin(i + 1, a.output_width, tiles);
        t.column = static_cast<ptrdiff_t>(from) * s.stride_w * t.pixel_bytes + 2 * c;
        t.output = a.output.row[r] + from * t.output_bytes;
        if (s.has_residual) t.residual = a.residual.row[r] + from * t.residual_bytes;
        computes[to - from - 1](t);
      }
    }
  }
}

}  // namespace octavo::kernels::avx512::depthwise_wide
