// Epilogues that clamp in 16 bits, 32 channels at a time, and what finishes a tile's sums
// whatever the epilogue.
#pragma once

#include "kernels/avx512/epilogue.h"

namespace octavo::kernels::avx512 {
namespace {

// The clamp of 32 channels in 16 bits: rounding is monotone, so that clamping what is rounded is
// the same as rounding what is clamped, wherever the conversion is in range (conversion_fits).
// One instruction a bound then serves 32 channels, and saturation on the way does no harm.
struct WordLimits {
  __m512i lo, hi, zero;
};

OCTAVO_INLINE __m512i words_in_order(__m512i a, __m512i b) {
  // Packing works in 128-bit lanes: quarters of both in turn.
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7),
                                  _mm512_packs_epi32(a, b));
}

// Of the channels c .. c + 15 and, as the upper half, next .. next + 15.
OCTAVO_INLINE WordLimits word_limits(const EpilogueArrays& e, int32_t c, int32_t next) {
  const __m512i z0 = _mm512_loadu_si512(e.zero + c), z1 = _mm512_loadu_si512(e.zero + next);
  const auto bound = [&](const float* values) __attribute__((always_inline)) {
    const __m512i b0 = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_loadu_ps(values + c)), z0);
    const __m512i b1 = _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_loadu_ps(values + next)), z1);
    return words_in_order(b0, b1);
  };
  return {bound(e.lo), bound(e.hi), words_in_order(z0, z1)};
}

// What kernels that finish a pixel at a time prepare: which short cuts the numbers of an epilogue
// allow and, behind that, the limits of all channels, 32 at a time.
struct alignas(64) ShortCuts {
  bool saturates;       // packing does the clamp: see saturation_clamps
  bool in_words;        // the clamp is done in 16 bits: see WordLimits
  bool one_multiplier;  // all multipliers are the first

  OCTAVO_INLINE const WordLimits* limits() const {
    return reinterpret_cast<const WordLimits*>(this + 1);
  }
};

OCTAVO_INLINE size_t short_cuts_bytes(int32_t channels) {
  return sizeof(ShortCuts) + static_cast<size_t>(divide_up(channels, 32)) * sizeof(WordLimits);
}

OCTAVO_INLINE void write_short_cuts(const ShortCuts& cuts, const EpilogueArrays& e,
                                    int32_t channels, std::byte* prepared) {
  *reinterpret_cast<ShortCuts*>(prepared) = cuts;
  auto* limits = reinterpret_cast<WordLimits*>(prepared + sizeof(ShortCuts));
  for (int32_t c = 0; cuts.in_words && c < channels; c += 32)
    *limits++ = word_limits(e, c, c + 16 < channels ? c + 16 : c);
}

OCTAVO_INLINE const ShortCuts& short_cuts_of(const std::byte* prepared) {
  return *reinterpret_cast<const ShortCuts*>(prepared);
}

// Whether every |t| stays below 2^31 where every |f| does below 2^30.
OCTAVO_INLINE bool activation_fits(const EpilogueArrays& e, int32_t channels) {
  if (e.output == ElementType::f32) return false;
  if (e.activation == Activation::none) return true;
  if (e.activation != Activation::table) return false;
  for (int32_t c = 0; c < channels; ++c)  // |T| <= 2^25
    if (!(e.output_multiplier[c] <= 32.0f && e.output_multiplier[c] >= -32.0f)) return false;
  return true;
}

OCTAVO_INLINE bool is_one_value(const float* values, int32_t count) {
  for (int32_t c = 1; c < count; ++c)
    if (values[c] != values[0]) return false;
  return true;
}

// Whether all of some values are at most `most` in magnitude.
OCTAVO_INLINE bool are_within(const float* values, int32_t count, float most) {
  for (int32_t c = 0; c < count; ++c)
    if (!(values[c] <= most && values[c] >= -most)) return false;
  return true;
}

// Stores the first `count` of 32 channels, rounded and less the zero point. Not for floats.
OCTAVO_INLINE void store_rounded(const WordLimits& limits, ElementType output, __m512i rounded,
                                 std::byte* pixel, int32_t c, int32_t count) {
  const __m512i q = _mm512_max_epi16(
      _mm512_min_epi16(_mm512_adds_epi16(rounded, limits.zero), limits.hi), limits.lo);
  const auto lanes = static_cast<__mmask32>(lanes64(count));
  if (output == ElementType::i16) {
    if (count >= 32) return _mm512_storeu_si512(pixel + 2 * c, q);
    return _mm512_mask_storeu_epi16(pixel + 2 * c, lanes, q);
  }
  const __m256i low = _mm512_cvtepi16_epi8(q);  // u8 and i8 are the same low byte
  if (count >= 32) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(pixel + c), low);
  _mm256_mask_storeu_epi8(pixel + c, lanes, low);
}

OCTAVO_INLINE __m512 scaled(const EpilogueArrays& e, __m512i accumulator, int32_t c) {
  return _mm512_mul_ps(_mm512_cvtepi32_ps(accumulator), _mm512_loadu_ps(e.multiplier + c));
}

// t of a pixel, its residual added where it has one.
OCTAVO_INLINE __m512 with_residual(const EpilogueArrays& e, __m512 t, const std::byte* residual,
                                   int32_t c) {
  return residual == nullptr ? t : add_residual(e, t, load_stored(residual, e.residual, c), c);
}

// Whether, for all of these channels, |float(acc) * m| stays below 2^31.
OCTAVO_INLINE bool arguments_fit(const EpilogueArrays& e, int32_t begin, int32_t end) {
  for (int32_t c = begin; c < end; c += 16) {
    const __mmask16 ok =
        _mm512_cmp_ps_mask(largest_argument(e, c), _mm512_set1_ps(1073741824.0f), _CMP_LE_OQ);
    const __mmask16 lanes = lanes16(end - c);
    if ((ok & lanes) != lanes) return false;
  }
  return true;
}

// What convolutions prepare of an epilogue: see saturation_clamps, conversion_fits and
// arguments_fit.
struct Proofs {
  bool saturates, fits, arguments_fit;
};

OCTAVO_INLINE size_t proofs_bytes(int32_t groups) {
  return static_cast<size_t>(groups) * sizeof(Proofs);
}

// Of the channels begin .. end - 1.
inline Proofs prove(const ConvolutionConstants& k, int32_t begin, int32_t end) {
  return {saturation_clamps(k.epilogue, k.shape.has_residual, begin, end),
          conversion_fits(k.epilogue, k.shape.has_residual, begin, end),
          arguments_fit(k.epilogue, begin, end)};
}

// Of the channels of each of so many groups.
__attribute__((unused)) void prepare_proofs(const ConvolutionConstants& k, int32_t groups,
                                            std::byte* prepared) {
  const int32_t channels = k.shape.output_channels / groups;
  auto* proofs = reinterpret_cast<Proofs*>(prepared);
  for (int32_t c = 0; c < k.shape.output_channels; c += channels)
    *proofs++ = prove(k, c, c + channels);
}

OCTAVO_INLINE Proofs proofs_of(const std::byte* prepared, int32_t group) {
  return reinterpret_cast<const Proofs*>(prepared)[group];
}

// From the sums of V vectors of 16 channels, of so many pixels together, by way of an activation,
// to words that wait for their saturation to u8, two vectors together as packing leaves them; what
// all pixels need stays in registers. Where saturation_clamps; of tables where arguments_fit.
template <Activation A, int V, int Together = 1>
class Activated {
 public:
  static constexpr int pairs = (V * Together + 1) / 2;

  // Of the channels from c on.
  OCTAVO_INLINE Activated(const EpilogueArrays& e, int32_t c) : function_(e) {
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      constexpr int i = decltype(v)::value;
      multiplier_[i] = _mm512_loadu_ps(e.multiplier + c + 16 * i);
      if constexpr (A != Activation::none)
        output_multiplier_[i] = _mm512_loadu_ps(e.output_multiplier + c + 16 * i);
    });
    unroll<pairs>([&](auto pair) __attribute__((always_inline)) {
      constexpr int n = decltype(pair)::value;
      zeros_[n] = _mm512_packs_epi32(_mm512_loadu_si512(e.zero + c + 16 * (low(n) % V)),
                                     _mm512_loadu_si512(e.zero + c + 16 * (high(n) % V)));
    });
  }

  // add(t, i): t of vector i, of pixel i / V, with a residual, or t.
  template <class Add>
  OCTAVO_INLINE void finish(const int32_t* sums, const Add& add, __m512i (&words)[pairs]) const {
    const auto argument = [&](int i) __attribute__((always_inline)) {
      return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums + 16 * i)),
                           multiplier_[i % V]);
    };
    const auto rounded = [&](__m512 value, int i) __attribute__((always_inline)) {
      if constexpr (A != Activation::none) value = _mm512_mul_ps(value, output_multiplier_[i % V]);
      return _mm512_cvtps_epi32(add(value, i));
    };
    unroll<pairs>([&](auto pair) __attribute__((always_inline)) {
      constexpr int n = decltype(pair)::value;
      const Pair t = function_(argument(low(n)), argument(high(n)));
      words[n] = _mm512_adds_epi16(
          _mm512_packs_epi32(rounded(t.first, low(n)), rounded(t.second, high(n))), zeros_[n]);
    });
  }

 private:
  static constexpr int low(int pair) { return 2 * pair; }
  static constexpr int high(int pair) {
    return 2 * pair + 1 < V * Together ? 2 * pair + 1 : 2 * pair;
  }

  Function<A> function_;
  __m512 multiplier_[V], output_multiplier_[V];
  __m512i zeros_[pairs];
};

// 32 values as unpacking words leaves them, and as packing wants them: the first and the last four
// of every eight channels.
struct Halves {
  __m512i first, last;

  // Of the channels c .. c + 15 and next .. next + 15.
  static OCTAVO_INLINE Halves load(const void* values, int32_t c, int32_t next) {
    const auto* from = static_cast<const int32_t*>(values);
    const __m512i low = _mm512_loadu_si512(from + c), high = _mm512_loadu_si512(from + next);
    return {_mm512_shuffle_i32x4(low, high, 0x88), _mm512_shuffle_i32x4(low, high, 0xdd)};
  }
  static OCTAVO_INLINE Pair load_floats(const float* values, int32_t c, int32_t next) {
    const Halves floats = load(values, c, next);
    return {_mm512_castsi512_ps(floats.first), _mm512_castsi512_ps(floats.last)};
  }
  static OCTAVO_INLINE Halves of_words(__m512i words) {
    const __m512i signs = _mm512_srai_epi16(words, 15);
    return {_mm512_unpacklo_epi16(words, signs), _mm512_unpackhi_epi16(words, signs)};
  }
  static OCTAVO_INLINE Halves of_unsigned_words(__m512i words) {
    const __m512i none = _mm512_setzero_si512();
    return {_mm512_unpacklo_epi16(words, none), _mm512_unpackhi_epi16(words, none)};
  }
  OCTAVO_INLINE Halves operator+(const Halves& x) const {
    return {_mm512_add_epi32(first, x.first), _mm512_add_epi32(last, x.last)};
  }
  OCTAVO_INLINE Halves operator-(const Halves& x) const {
    return {_mm512_sub_epi32(first, x.first), _mm512_sub_epi32(last, x.last)};
  }
  OCTAVO_INLINE Turns in_order() const { return in_turn(first, last); }
};

// What comes behind f for 32 channels in that order, where the clamp can be done in 16 bits (see
// conversion_fits); of tables where arguments_fit. Constants stay in registers.
template <Activation A>
class WordEpilogue {
 public:
  // Of `count` channels from c on.
  OCTAVO_INLINE WordEpilogue(const EpilogueArrays& e, int32_t c, int32_t count)
      : WordEpilogue(e, c, count, word_limits(e, c, count > 16 ? c + 16 : c)) {}
  OCTAVO_INLINE WordEpilogue(const EpilogueArrays& e, int32_t c, int32_t count,
                             const WordLimits& limits)
      : function_(e), limits_(limits), output_(e.output), channel_(c), count_(count) {
    const int32_t next = count > 16 ? c + 16 : c;
    multiplier_ = Halves::load_floats(e.multiplier, c, next);
    if constexpr (A != Activation::none)
      output_multiplier_ = Halves::load_floats(e.output_multiplier, c, next);
  }

  OCTAVO_INLINE const Pair& multiplier() const { return multiplier_; }
  // float(x) * m
  OCTAVO_INLINE Pair scaled(const Halves& x) const {
    return {_mm512_mul_ps(_mm512_cvtepi32_ps(x.first), multiplier_.first),
            _mm512_mul_ps(_mm512_cvtepi32_ps(x.last), multiplier_.second)};
  }
  OCTAVO_INLINE void store(const Pair& f, std::byte* pixel) const {
    Pair t = function_(f.first, f.second);
    if constexpr (A != Activation::none)
      t = {_mm512_mul_ps(t.first, output_multiplier_.first),
           _mm512_mul_ps(t.second, output_multiplier_.second)};
    const __m512i rounded =
        _mm512_packs_epi32(_mm512_cvtps_epi32(t.first), _mm512_cvtps_epi32(t.second));
    store_rounded(limits_, output_, rounded, pixel, channel_, count_);
  }

 private:
  Function<A> function_;
  Pair multiplier_, output_multiplier_;
  WordLimits limits_;
  ElementType output_;
  int32_t channel_, count_;
};

// The same whatever the epilogue.
template <Activation A>
class AnyEpilogue {
 public:
  OCTAVO_INLINE AnyEpilogue(const EpilogueArrays& e, int32_t c, int32_t count)
      : epilogue_(e), channel_(c), count_(count) {}

  OCTAVO_INLINE Pair scaled(const Halves& x) const {
    const Turns natural = x.in_order();
    return {avx512::scaled(epilogue_, natural.first, channel_),
            avx512::scaled(epilogue_, natural.second, count_ > 16 ? channel_ + 16 : channel_)};
  }
  OCTAVO_INLINE void store(const Pair& f, std::byte* pixel) const {
    store_part(f.first, pixel, 0);
    if (count_ > 16) store_part(f.second, pixel, 16);
  }

 private:
  OCTAVO_INLINE void store_part(__m512 f, std::byte* pixel, int32_t i) const {
    const int32_t c = channel_ + i;
    avx512::store(epilogue_, activate_as<A>(epilogue_, f, c), pixel, c, lanes16(count_ - i));
  }

  EpilogueArrays epilogue_;
  int32_t channel_, count_;
};

// Accumulators of some pixels, [pixel][vectors][16], and where they go.
struct TileSums {
  const int32_t* values;
  int32_t pixels, vectors;
  const std::byte* const* residual;  // a pointer a pixel; null without
  std::byte* const* output;
  int32_t channel, channels;  // the first, and how many exist
  Proofs proofs;

  OCTAVO_INLINE const std::byte* residual_pixel(int32_t p) const {
    return residual == nullptr ? nullptr : residual[p];
  }
  OCTAVO_INLINE __m512i vector(int32_t p, int32_t v) const {
    return _mm512_load_si512(values + (p * vectors + v) * 16);
  }
};

OCTAVO_INLINE void store_words(const WordLimits& limits, ElementType output, __m512 t0, __m512 t1,
                               std::byte* pixel, int32_t c, int32_t count) {
  store_rounded(limits, output, words_in_order(_mm512_cvtps_epi32(t0), _mm512_cvtps_epi32(t1)),
                pixel, c, count);
}

// Whether finish_words does: the clamp in 16 bits is all that comes behind the multiplier.
OCTAVO_INLINE bool ends_in_words(const EpilogueArrays& e, const Proofs& proofs, bool residual) {
  return proofs.fits && !residual && e.activation == Activation::none;
}

// From sums in registers to what is stored, two vectors at a time.
template <int V, int P>
OCTAVO_INLINE void finish_words(const EpilogueArrays& e, const __m512i (&sum)[P][V],
                                std::byte* const* output, int32_t channel, int32_t channels) {
  unroll<(V + 1) / 2>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = 2 * decltype(v)::value, upper = i + 1 < V ? i + 1 : i;
    const int32_t c = channel + 16 * i, next = channel + 16 * upper;
    const WordLimits limits = word_limits(e, c, next);
    const ElementType type = e.output;
    const __m512 m0 = _mm512_loadu_ps(e.multiplier + c), m1 = _mm512_loadu_ps(e.multiplier + next);
    unroll<P>([&](auto p) __attribute__((always_inline)) {
      constexpr int pixel = decltype(p)::value;
      store_words(limits, type, _mm512_mul_ps(_mm512_cvtepi32_ps(sum[pixel][i]), m0),
                  _mm512_mul_ps(_mm512_cvtepi32_ps(sum[pixel][upper]), m1), output[pixel], c,
                  channels - 16 * i);
    });
  });
}

template <Activation A>
void finish_pixels_as(const EpilogueArrays& e, const TileSums& sums) {
  for (int32_t v = 0; 16 * v < sums.channels; ++v) {
    const int32_t c = sums.channel + 16 * v, count = sums.channels - 16 * v;
    for (int32_t p = 0; p < sums.pixels; ++p) {
      const __m512 t = activate_as<A>(e, scaled(e, sums.vector(p, v), c), c);
      store(e, with_residual(e, t, sums.residual_pixel(p), c), sums.output[p], c, lanes16(count));
    }
  }
}

// The same where the clamp is done in 16 bits (conversion_fits); of tables where arguments_fit.
// What all pixels need stays in registers. Two vectors of a pixel at a time or, of the last 16
// channels alone, those of two pixels.
template <Activation A>
void finish_words_as(const EpilogueArrays& e, const TileSums& sums) {
  const Function<A> function(e);
  for (int32_t v = 0; 16 * v < sums.channels; v += 2) {
    const int32_t c = sums.channel + 16 * v, count = sums.channels - 16 * v;
    const bool alone = count <= 16;  // nothing may be read behind
    const int32_t upper = alone ? 0 : 1, next = c + 16 * upper;
    const WordLimits limits = word_limits(e, c, next);
    const Pair m = {_mm512_loadu_ps(e.multiplier + c), _mm512_loadu_ps(e.multiplier + next)};
    Pair r = m;
    if constexpr (A != Activation::none)
      r = {_mm512_loadu_ps(e.output_multiplier + c), _mm512_loadu_ps(e.output_multiplier + next)};
    // The stored words of a pixel or of two.
    const auto words = [&](int32_t p, int32_t other) __attribute__((always_inline)) {
      const __m512i low = sums.vector(p, v), high = sums.vector(other, v + upper);
      Pair t = function(_mm512_mul_ps(_mm512_cvtepi32_ps(low), m.first),
                        _mm512_mul_ps(_mm512_cvtepi32_ps(high), m.second));
      if constexpr (A != Activation::none)
        t = {_mm512_mul_ps(t.first, r.first), _mm512_mul_ps(t.second, r.second)};
      t = {with_residual(e, t.first, sums.residual_pixel(p), c),
           with_residual(e, t.second, sums.residual_pixel(other), next)};
      return words_in_order(_mm512_cvtps_epi32(t.first), _mm512_cvtps_epi32(t.second));
    };
    if (!alone) {
      for (int32_t p = 0; p < sums.pixels; ++p)
        store_rounded(limits, e.output, words(p, p), sums.output[p], c, count);
      continue;
    }
    for (int32_t p = 0; p < sums.pixels; p += 2) {
      const int32_t other = p + 1 < sums.pixels ? p + 1 : p;
      const __m512i both = words(p, other);
      store_rounded(limits, e.output, both, sums.output[p], c, count);
      store_rounded(limits, e.output, _mm512_shuffle_i64x2(both, both, 0x4e), sums.output[other], c,
                    count);
    }
  }
}

// What 16 channels of a sum and of a residual are multiplied by.
struct Scales {
  __m512 multiplier, residual_multiplier;
  __m512i residual_zero;

  OCTAVO_INLINE Scales(const EpilogueArrays& e, int32_t c)
      : multiplier(_mm512_loadu_ps(e.multiplier + c)),
        residual_multiplier(_mm512_loadu_ps(e.residual_multiplier + c)),
        residual_zero(_mm512_loadu_si512(e.residual_zero + c)) {}

  OCTAVO_INLINE __m512 value(__m512i sum, __m512i x) const {
    const __m512 residual = _mm512_cvtepi32_ps(_mm512_sub_epi32(x, residual_zero));
    return _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), multiplier),
                         _mm512_mul_ps(residual, residual_multiplier));
  }
};

// Where a residual and the clamp in 16 bits are all that comes behind the multiplier, the stored
// values of the residual being of one type: what is the same for all pixels stays in registers.
template <ElementType R>
void finish_residuals(const EpilogueArrays& e, const TileSums& sums) {
  for (int32_t v = 0; 16 * v < sums.channels; v += 2) {
    const int32_t c = sums.channel + 16 * v, count = sums.channels - 16 * v;
    const int32_t upper = count > 16 ? 1 : 0, next = c + 16 * upper;
    const WordLimits limits = word_limits(e, c, next);
    const ElementType output = e.output;
    const Scales low(e, c), high(e, next);
    for (int32_t p = 0; p < sums.pixels; ++p) {
      const std::byte* residual = sums.residual[p];
      store_words(limits, output, low.value(sums.vector(p, v), load_stored(residual, R, c)),
                  high.value(sums.vector(p, v + upper), load_stored(residual, R, next)),
                  sums.output[p], c, count);
    }
  }
}

// Whatever the epilogue; its code exists once an activation, not once a tile.
__attribute__((noinline, unused)) void finish_pixels(const EpilogueArrays& epilogue,
                                                     const TileSums& sums) {
  if (sums.proofs.fits && sums.residual != nullptr && epilogue.activation == Activation::none) {
    if (epilogue.residual == ElementType::u8)
      return finish_residuals<ElementType::u8>(epilogue, sums);
    if (epilogue.residual == ElementType::i16)
      return finish_residuals<ElementType::i16>(epilogue, sums);
  }
  const EpilogueArrays e = epilogue;  // or they are read again after every store
  const TileSums s = sums;
  with_activation(e.activation, [&]<Activation A>() {
    if (s.proofs.fits && (A != Activation::table || s.proofs.arguments_fit))
      return finish_words_as<A>(e, s);
    finish_pixels_as<A>(e, s);
  });
}

}  // namespace
}  // namespace octavo::kernels::avx512
