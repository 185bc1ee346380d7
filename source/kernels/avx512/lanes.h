// Blocks of channels in lane order, for kernels whose operands are bytes interleaved
// by vpunpck: these work in 128-bit lanes of 16 channels, and packing at the end is
// their inverse. Vector v of a block holds, in element e of lane j, channel
// 16 j + 4 v + e. A block is 64 channels in four zmm, or 32 in four ymm where a tensor
// ends: half the work on a machine that splits 512-bit instructions.
#pragma once

#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512 {
namespace {

struct Wide : Zmm {
  static constexpr int lanes = 4, channels = 64;

  using Zmm::store;
  static OCTAVO_INLINE void store(std::byte* p, Int x, int32_t count) {
    if (count >= channels) return store(p, x);
    _mm512_mask_storeu_epi8(p, lanes64(count), x);
  }
  static OCTAVO_INLINE Int load_first(const std::byte* p, int32_t count) {
    if (count >= channels) return load(p);
    return _mm512_maskz_loadu_epi8(lanes64(count), p);
  }
  // Four vectors that are read again in zmm.
  static OCTAVO_INLINE void spill(int32_t* p, const Int (&x)[4]) {
    unroll<4>([&](auto v) __attribute__((always_inline)) {
      store(p + decltype(v)::value * 16, x[decltype(v)::value]);
    });
  }
  static OCTAVO_INLINE Int low_bytes(Int a, Int b) { return _mm512_unpacklo_epi8(a, b); }
  static OCTAVO_INLINE Int high_bytes(Int a, Int b) { return _mm512_unpackhi_epi8(a, b); }
  static OCTAVO_INLINE Int low_words(Int a, Int b) { return _mm512_unpacklo_epi16(a, b); }
  static OCTAVO_INLINE Int high_words(Int a, Int b) { return _mm512_unpackhi_epi16(a, b); }
  static OCTAVO_INLINE Int dot(Int sum, Int a, Int b) { return _mm512_dpbusd_epi32(sum, a, b); }
  static OCTAVO_INLINE Int packus(Int a, Int b) { return _mm512_packus_epi16(a, b); }
  static OCTAVO_INLINE Int adds(Int a, Int b) { return _mm512_adds_epi16(a, b); }
};

struct Half : Ymm {
  static constexpr int lanes = 2, channels = 32;

  using Ymm::store;
  static OCTAVO_INLINE void store(std::byte* p, Int x, int32_t count) {
    if (count >= channels) return store(p, x);
    _mm256_mask_storeu_epi8(p, static_cast<__mmask32>(lanes64(count)), x);
  }
  static OCTAVO_INLINE Int load_first(const std::byte* p, int32_t count) {
    if (count >= channels) return load(p);
    return _mm256_maskz_loadu_epi8(static_cast<__mmask32>(lanes64(count)), p);
  }
  // A zmm that is read where two ymm were just written waits for both to reach the cache.
  static OCTAVO_INLINE void spill(int32_t* p, const Int (&x)[4]) {
    _mm512_storeu_si512(p, _mm512_inserti64x4(_mm512_castsi256_si512(x[0]), x[1], 1));
    _mm512_storeu_si512(p + 16, _mm512_inserti64x4(_mm512_castsi256_si512(x[2]), x[3], 1));
  }
  static OCTAVO_INLINE Int low_bytes(Int a, Int b) { return _mm256_unpacklo_epi8(a, b); }
  static OCTAVO_INLINE Int high_bytes(Int a, Int b) { return _mm256_unpackhi_epi8(a, b); }
  static OCTAVO_INLINE Int low_words(Int a, Int b) { return _mm256_unpacklo_epi16(a, b); }
  static OCTAVO_INLINE Int high_words(Int a, Int b) { return _mm256_unpackhi_epi16(a, b); }
  static OCTAVO_INLINE Int dot(Int sum, Int a, Int b) { return _mm256_dpbusd_epi32(sum, a, b); }
  static OCTAVO_INLINE Int packus(Int a, Int b) { return _mm256_packus_epi16(a, b); }
  static OCTAVO_INLINE Int adds(Int a, Int b) { return _mm256_adds_epi16(a, b); }
};

// The widest block that wastes no half of itself on channels that do not exist.
OCTAVO_INLINE bool is_half_block(int32_t channels_left) {
  return channels_left <= Half::channels;
}

// Values of one block between natural order and lane order; both copies of 4 channels.
template <class Vec, class T>
void to_lanes(const T* natural, T* ordered) {
  for (int v = 0; v < 4; ++v)
    for (int j = 0; j < Vec::lanes; ++j)
      __builtin_memcpy(ordered + (v * Vec::lanes + j) * 4, natural + 16 * j + 4 * v, 4 * sizeof(T));
}
template <class Vec, class T>
void from_lanes(const T* ordered, T* natural) {
  for (int v = 0; v < 4; ++v)
    for (int j = 0; j < Vec::lanes; ++j)
      __builtin_memcpy(natural + 16 * j + 4 * v, ordered + (v * Vec::lanes + j) * 4, 4 * sizeof(T));
}

// The epilogue of one block, its arrays in lane order. What a saturating one needs lies side by
// side in front: each frame meets it anew, far from the core.
template <class Vec>
struct alignas(64) BlockEpilogue {
  static constexpr int n = Vec::channels;
  int32_t channel, channels;  // the first, and how many of the block exist
  bool saturates;             // without activation or residual: see Saturation
  bool packs;                 // whatever the activation
  bool fits, arguments_fit;   // see conversion_fits, arguments_fit
  bool in_words;              // fits, without activation or residual
  bool adds_bytes;            // a residual of bytes and nothing else, to bytes
  bool activates;             // see Activated
  alignas(64) float multiplier[n];
  alignas(64) int32_t zero[n];
  alignas(64) float output_multiplier[n], residual_multiplier[n], lo[n], hi[n];
  alignas(64) int32_t residual_zero[n];
  EpilogueArrays natural, ordered;
  WordLimits limits[n / 32];  // where it fits, in natural order

  void prepare(const EpilogueArrays& e, bool residual, int32_t first, int32_t count) {
    natural = ordered = e;
    ordered.largest_sum = ordered.output_multiplier = ordered.residual_multiplier = nullptr;
    ordered.lo = ordered.hi = nullptr;
    ordered.residual_zero = nullptr;
    channel = first;
    channels = count;
    packs = saturation_clamps(e, residual, first, first + count);
    fits = conversion_fits(e, residual, first, first + count);
    arguments_fit = avx512::arguments_fit(e, first, first + count);
    for (int i = 0; fits && i < n / 32; ++i)
      limits[i] = word_limits(e, first + 32 * i, first + 32 * i + 16);
    in_words = fits && !residual && e.activation == Activation::none;
    saturates = packs && in_words;
    activates = packs && e.activation != Activation::none &&
                (e.activation != Activation::table || arguments_fit);
    adds_bytes = residual && e.activation == Activation::none && e.residual == ElementType::u8 &&
                 e.output == ElementType::u8;
    to_lanes<Vec>(e.multiplier + first, multiplier);
    to_lanes<Vec>(e.zero + first, zero);
    ordered.multiplier = multiplier;
    ordered.zero = zero;
    if (saturates) return;
    to_lanes<Vec>(e.lo + first, lo);
    to_lanes<Vec>(e.hi + first, hi);
    ordered.lo = lo;
    ordered.hi = hi;
    if (e.activation != Activation::none) {
      to_lanes<Vec>(e.output_multiplier + first, output_multiplier);
      ordered.output_multiplier = output_multiplier;
    }
    if (residual) {
      to_lanes<Vec>(e.residual_multiplier + first, residual_multiplier);
      to_lanes<Vec>(e.residual_zero + first, residual_zero);
      ordered.residual_multiplier = residual_multiplier;
      ordered.residual_zero = residual_zero;
    }
  }
};

// The epilogues of all blocks of a convolution, as `prepare` writes them: wide ones and, where half
// of the last one's channels suffice, a half.
OCTAVO_INLINE size_t block_epilogues_bytes(int32_t channels) {
  const int32_t left = channels % Wide::channels;
  const size_t last = left == 0             ? 0
                      : is_half_block(left) ? sizeof(BlockEpilogue<Half>)
                                            : sizeof(BlockEpilogue<Wide>);
  return static_cast<size_t>(channels / Wide::channels) * sizeof(BlockEpilogue<Wide>) + last;
}

template <class Vec, class Byte>  // std::byte, const where it is read
OCTAVO_INLINE auto* block_epilogue_at(Byte* prepared, int32_t block) {
  prepared += block * static_cast<ptrdiff_t>(sizeof(BlockEpilogue<Wide>));
  if constexpr (std::is_const_v<Byte>)
    return reinterpret_cast<const BlockEpilogue<Vec>*>(prepared);
  else
    return reinterpret_cast<BlockEpilogue<Vec>*>(prepared);
}

__attribute__((unused)) void prepare_blocks(const ConvolutionConstants& k, std::byte* prepared) {
  const int32_t channels = k.shape.output_channels;
  for (int32_t c = 0, i = 0; c < channels; c += Wide::channels, ++i) {
    const int32_t count = smaller(Wide::channels, channels - c);
    if (is_half_block(count))
      block_epilogue_at<Half>(prepared, i)->prepare(k.epilogue, k.shape.has_residual, c, count);
    else
      block_epilogue_at<Wide>(prepared, i)->prepare(k.epilogue, k.shape.has_residual, c, count);
  }
}

// So many channels, of which those of the convolution come again and again: for bytes that become
// bytes, whose epilogues read none of the arrays of `natural`.
__attribute__((unused)) void prepare_repeated_blocks(const ConvolutionConstants& k, int32_t all,
                                                     std::byte* prepared) {
  constexpr int32_t n = Wide::channels;
  const int32_t channels = k.shape.output_channels;
  const EpilogueArrays& e = k.epilogue;
  for (int32_t c = 0, i = 0; c < all; c += Wide::channels, ++i) {
    float multiplier[n], output_multiplier[n], residual_multiplier[n], lo[n], hi[n], largest_sum[n];
    int32_t zero[n], residual_zero[n];
    const auto repeat = [&](const auto*& from, auto* to) {
      if (from == nullptr) return;
      for (int32_t j = 0; j < n; ++j) to[j] = from[(c + j) % channels];
      from = to;
    };
    EpilogueArrays block = e;
    repeat(block.multiplier, multiplier);
    repeat(block.output_multiplier, output_multiplier);
    repeat(block.residual_multiplier, residual_multiplier);
    repeat(block.lo, lo);
    repeat(block.hi, hi);
    repeat(block.largest_sum, largest_sum);
    repeat(block.zero, zero);
    repeat(block.residual_zero, residual_zero);
    const int32_t count = smaller(Wide::channels, all - c);
    const auto finish = [&](auto* of) {
      of->prepare(block, k.shape.has_residual, 0, count);
      of->channel = c;
      of->natural = e;  // and not the arrays here, which go
    };
    if (is_half_block(count))
      finish(block_epilogue_at<Half>(prepared, i));
    else
      finish(block_epilogue_at<Wide>(prepared, i));
  }
}

// What a saturating epilogue needs, held in registers for a tile of pixels.
template <class Vec>
struct Saturation {
  typename Vec::Float multiplier[4];
  typename Vec::Int zero01, zero23;

  explicit OCTAVO_INLINE Saturation(const BlockEpilogue<Vec>& e) {
    constexpr int n = 4 * Vec::lanes;
    unroll<4>([&](auto v) __attribute__((always_inline)) {
      multiplier[decltype(v)::value] = Vec::load_floats(e.multiplier + decltype(v)::value * n);
    });
    zero01 = Vec::packs(Vec::load(e.zero), Vec::load(e.zero + n));
    zero23 = Vec::packs(Vec::load(e.zero + 2 * n), Vec::load(e.zero + 3 * n));
  }

  OCTAVO_INLINE typename Vec::Int stored(const typename Vec::Int (&sum)[4]) const {
    const auto q01 = Vec::packs(rounded_product<Vec>(sum[0], multiplier[0]),
                                rounded_product<Vec>(sum[1], multiplier[1]));
    const auto q23 = Vec::packs(rounded_product<Vec>(sum[2], multiplier[2]),
                                rounded_product<Vec>(sum[3], multiplier[3]));
    return Vec::packus(Vec::adds(q01, zero01), Vec::adds(q23, zero23));
  }
};

// The residual's values of the block, in lane order.
template <class Vec>
void load_residual(const BlockEpilogue<Vec>& e, const std::byte* residual, int32_t* x) {
  alignas(64) int32_t natural[Vec::channels];
  for (int i = 0; i < Vec::channels; i += 16)
    _mm512_store_si512(natural + i, load_stored(residual, e.natural.residual, e.channel + i));
  to_lanes<Vec>(natural, x);
}

// t of numerics.md, 32 values from index i of the block on; x: the residual or null.
template <Activation A, class Vec>
OCTAVO_INLINE Pair values_at(const BlockEpilogue<Vec>& e, const int32_t* sums, const int32_t* x,
                             int i) {
  const Pair t = activate_pair<A>(e.ordered, scaled(e.ordered, _mm512_load_si512(sums + i), i),
                                  scaled(e.ordered, _mm512_load_si512(sums + i + 16), i + 16), i,
                                  i + 16, e.arguments_fit);
  if (x == nullptr) return t;
  return {add_residual(e.ordered, t.first, _mm512_load_si512(x + i), i),
          add_residual(e.ordered, t.second, _mm512_load_si512(x + i + 16), i + 16)};
}

// Words of a block, as packing leaves them: in each lane the first 8 channels of its 16 are in
// `low`, the others in `high`.
OCTAVO_INLINE void store_block(const BlockEpilogue<Wide>& e, __m512i low, __m512i high,
                               std::byte* pixel) {
  const Turns words = in_turn(low, high);
  const ElementType output = e.natural.output;
  store_rounded(e.limits[0], output, words.first, pixel, e.channel, e.channels);
  if (e.channels > 32)
    store_rounded(e.limits[1], output, words.second, pixel, e.channel + 32, e.channels - 32);
}
OCTAVO_INLINE void store_block(const BlockEpilogue<Half>& e, __m256i low, __m256i high,
                               std::byte* pixel) {
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  store_rounded(e.limits[0], e.natural.output, _mm512_shuffle_i32x4(both, both, 0xd8), pixel,
                e.channel, e.channels);
}

// Any epilogue, from accumulators in memory (lane order).
template <Activation A, class Vec>
void finish_as(const BlockEpilogue<Vec>& e, const int32_t* sums, const int32_t* x,
               std::byte* pixel) {
  constexpr int n = Vec::channels;
  if (e.natural.output == ElementType::u8) {
    alignas(64) int32_t stored[n];
    const auto save = [&](__m512 t, int i) __attribute__((always_inline)) {
      const __m512i q = e.packs
                            ? _mm512_add_epi32(_mm512_cvtps_epi32(t), _mm512_load_si512(e.zero + i))
                            : quantize(e.ordered, t, i);
      _mm512_store_si512(stored + i, q);
    };
    unroll<n / 32>([&](auto part) __attribute__((always_inline)) {
      constexpr int i = decltype(part)::value * 32;
      const Pair t = values_at<A>(e, sums, x, i);
      save(t.first, i);
      save(t.second, i + 16);
    });
    const auto low = Vec::packs(Vec::load(stored), Vec::load(stored + n / 4));
    const auto high = Vec::packs(Vec::load(stored + n / 2), Vec::load(stored + 3 * n / 4));
    return Vec::store(pixel + e.channel, Vec::packus(low, high), e.channels);
  }
  if (e.fits) {
    alignas(64) int32_t rounded[n];
    unroll<n / 32>([&](auto part) __attribute__((always_inline)) {
      constexpr int i = decltype(part)::value * 32;
      const Pair t = values_at<A>(e, sums, x, i);
      _mm512_store_si512(rounded + i, _mm512_cvtps_epi32(t.first));
      _mm512_store_si512(rounded + i + 16, _mm512_cvtps_epi32(t.second));
    });
    return store_block(e, Vec::packs(Vec::load(rounded), Vec::load(rounded + n / 4)),
                       Vec::packs(Vec::load(rounded + n / 2), Vec::load(rounded + 3 * n / 4)),
                       pixel);
  }
  alignas(64) float t[n], in_order[n];
  for (int i = 0; i < n; i += 32) {
    const Pair values = values_at<A>(e, sums, x, i);
    _mm512_store_ps(t + i, values.first);
    _mm512_store_ps(t + i + 16, values.second);
  }
  from_lanes<Vec>(t, in_order);
  for (int i = 0; i < e.channels; i += 16)
    store(e.natural, _mm512_load_ps(in_order + i), pixel, e.channel + i, lanes16(e.channels - i));
}

// What an epilogue that ends in words needs (BlockEpilogue::in_words), held in registers for a tile
// of pixels.
template <class Vec>
struct Words {
  typename Vec::Float multiplier[4];

  explicit OCTAVO_INLINE Words(const BlockEpilogue<Vec>& e) {
    unroll<4>([&](auto v) __attribute__((always_inline)) {
      constexpr int i = decltype(v)::value;
      multiplier[i] = Vec::load_floats(e.multiplier + i * 4 * Vec::lanes);
    });
  }

  OCTAVO_INLINE void store(const BlockEpilogue<Vec>& e, const typename Vec::Int (&sum)[4],
                           std::byte* pixel) const {
    store_block(e,
                Vec::packs(rounded_product<Vec>(sum[0], multiplier[0]),
                           rounded_product<Vec>(sum[1], multiplier[1])),
                Vec::packs(rounded_product<Vec>(sum[2], multiplier[2]),
                           rounded_product<Vec>(sum[3], multiplier[3])),
                pixel);
  }
};

template <class Vec>
__attribute__((noinline)) void finish_block(const BlockEpilogue<Vec>& e, const int32_t* sums,
                                            const std::byte* residual, std::byte* pixel) {
  if (e.in_words) {
    constexpr int n = Vec::channels / 4;
    return Words<Vec>(e).store(
        e, {Vec::load(sums), Vec::load(sums + n), Vec::load(sums + 2 * n), Vec::load(sums + 3 * n)},
        pixel);
  }
  alignas(64) int32_t x[Vec::channels];
  if (residual != nullptr) load_residual(e, residual, x);
  with_activation(e.natural.activation, [&]<Activation A>() {
    finish_as<A>(e, sums, residual == nullptr ? nullptr : x, pixel);
  });
}

// Where `adds_bytes`: nothing goes through memory.
template <class Vec>
OCTAVO_INLINE typename Vec::Int sum_with_bytes(const BlockEpilogue<Vec>& e,
                                               const typename Vec::Int (&sum)[4],
                                               const std::byte* residual) {
  using Int = typename Vec::Int;
  constexpr int n = 4 * Vec::lanes;
  const Int stored = Vec::load_first(residual + e.channel, e.channels), none = Vec::none();
  const Int low = Vec::low_bytes(stored, none), high = Vec::high_bytes(stored, none);
  const Int x[4] = {Vec::low_words(low, none), Vec::high_words(low, none),
                    Vec::low_words(high, none), Vec::high_words(high, none)};
  Int q[4];
  unroll<4>([&](auto v4) __attribute__((always_inline)) {
    constexpr int v = decltype(v4)::value, i = v * n;
    const Int from_zero = Vec::subtract(x[v], Vec::load(e.residual_zero + i));
    auto t = Vec::add(Vec::scaled(sum[v], Vec::load_floats(e.multiplier + i)),
                      Vec::scaled(from_zero, Vec::load_floats(e.residual_multiplier + i)));
    if (!e.packs) t = Vec::clamp(t, Vec::load_floats(e.lo + i), Vec::load_floats(e.hi + i));
    q[v] = Vec::add(Vec::rounded(t), Vec::load(e.zero + i));
  });
  return Vec::packus(Vec::packs(q[0], q[1]), Vec::packs(q[2], q[3]));
}

// 32 channels of words, as packing leaves those of two zmm of a half block, as bytes in order.
OCTAVO_INLINE void store_bytes(const BlockEpilogue<Half>& e, const __m512i (&words)[1],
                               std::byte* pixel) {
  const __m512i in_order = _mm512_setr_epi32(0, 8, 1, 9, 4, 12, 5, 13, 0, 8, 1, 9, 4, 12, 5, 13);
  const __m512i bytes =
      _mm512_permutexvar_epi32(in_order, _mm512_packus_epi16(words[0], words[0]));
  Half::store(pixel + e.channel, _mm512_castsi512_si256(bytes), e.channels);
}
OCTAVO_INLINE void store_bytes(const BlockEpilogue<Wide>& e, const __m512i (&words)[2],
                               std::byte* pixel) {
  Wide::store(pixel + e.channel, _mm512_packus_epi16(words[0], words[1]), e.channels);
}

// Sums of a tile of N pixels of a block; the residuals of each are null without.
template <class Vec, int N>
struct TilePixels {
  alignas(64) int32_t sums[N * Vec::channels];
  std::byte* output[N];
  const std::byte* residual[N];
};

template <Activation A, class Vec, int N>
OCTAVO_INLINE void finish_activated(const BlockEpilogue<Vec>& e, const TilePixels<Vec, N>& tile) {
  using Finish = Activated<A, Vec::channels / 16>;
  const Finish activated(e.ordered, 0);
  const auto without_residual = [](__m512 t, int) __attribute__((always_inline)) { return t; };
  for (int32_t p = 0; p < N; ++p) {
    __m512i words[Finish::pairs];
    activated.finish(tile.sums + p * Vec::channels, without_residual, words);
    store_bytes(e, words, tile.output[p]);
  }
}

template <class Vec, int N>
__attribute__((noinline)) void finish_tile(const BlockEpilogue<Vec>& e,
                                           const TilePixels<Vec, N>& tile) {
  if (e.activates && tile.residual[0] == nullptr) {
    with_activation(e.natural.activation, [&]<Activation A>() {
      if constexpr (A != Activation::none) finish_activated<A>(e, tile);
    });
    return;
  }
  for (int32_t p = 0; p < N; ++p)
    finish_block(e, tile.sums + p * Vec::channels, tile.residual[p], tile.output[p]);
}

// The accumulators of a pixel, and where it goes.
template <class Vec>
struct Pixel {
  const typename Vec::Int (&sum)[4];
  std::byte* output;
  const std::byte* residual;
};

// The same from accumulators in registers: pixel(i) for each of N.
template <class Vec, int N, class At>
OCTAVO_INLINE void finish_any(const BlockEpilogue<Vec>& e, const At& pixel) {
  if (e.adds_bytes) {
    unroll<N>([&](auto i) __attribute__((always_inline)) {
      const Pixel<Vec> p = pixel(i);
      Vec::store(p.output + e.channel, sum_with_bytes(e, p.sum, p.residual), e.channels);
    });
    return;
  }
  TilePixels<Vec, N> tile;
  unroll<N>([&](auto i) __attribute__((always_inline)) {
    constexpr int at = decltype(i)::value;
    const Pixel<Vec> p = pixel(i);
    Vec::spill(tile.sums + at * Vec::channels, p.sum);
    tile.output[at] = p.output;
    tile.residual[at] = p.residual;
  });
  finish_tile(e, tile);
}

}  // namespace
}  // namespace octavo::kernels::avx512
