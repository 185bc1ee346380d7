// Layer norm and L2 normalization: the sums of a pixel as exact integers, one square root and
// one division, correctly rounded as IEEE 754 has them, then 16 channels at a time. Where what
// comes behind is a clamp in 16 bits, layer norm takes 16 pixels together: their sums, square
// roots and quotients are vectors, and what belongs to 32 channels stays in registers.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512 {
namespace {

constexpr int32_t most_channels_in_words = 4096;  // sqrt(C) * 2^23 + 2^28 stays below 2^30

// Of x - z over the channels of a pixel.
struct Moments {
  int64_t sum, squares;
};

// 32 words of |x - z| <= 255: pairs stay below 2^18, and 65535 channels are 2048 turns.
Moments byte_moments(const std::byte* x, int32_t zero, int32_t channels) {
  const __m512i z = _mm512_set1_epi16(static_cast<int16_t>(zero)), ones = _mm512_set1_epi16(1);
  __m512i sum = _mm512_setzero_si512(), squares = _mm512_setzero_si512();
  for (int32_t c = 0; c < channels; c += 32) {
    const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c));
    const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
    const __m512i d = _mm512_maskz_sub_epi16(lanes, _mm512_cvtepu8_epi16(stored), z);
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(d, ones));
    squares = _mm512_add_epi32(squares, _mm512_madd_epi16(d, d));
  }
  // The squares of all lanes may need 33 bits.
  const __m512i both = _mm512_add_epi64(_mm512_and_si512(squares, _mm512_set1_epi64(0xffffffff)),
                                        _mm512_srli_epi64(squares, 32));
  return {_mm512_reduce_add_epi32(sum), _mm512_reduce_add_epi64(both)};
}

// A pair of squares is at most 2^31, without a sign; the zero point of i16 is 0.
Moments word_moments(const std::byte* x, int32_t channels) {
  const __m512i ones = _mm512_set1_epi16(1), low_half = _mm512_set1_epi64(0xffffffff);
  __m512i sum = _mm512_setzero_si512(), squares = _mm512_setzero_si512();
  for (int32_t c = 0; c < channels; c += 32) {
    const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
    const __m512i d = _mm512_maskz_loadu_epi16(lanes, x + ptrdiff_t{2} * c);
    const __m512i pairs = _mm512_madd_epi16(d, d);
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(d, ones));
    squares = _mm512_add_epi64(squares, _mm512_and_si512(pairs, low_half));
    squares = _mm512_add_epi64(squares, _mm512_srli_epi64(pairs, 32));
  }
  const __m512i wide = _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(sum)),
                                        _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(sum, 1)));
  return {_mm512_reduce_add_epi64(wide), _mm512_reduce_add_epi64(squares)};
}

template <ElementType T>
Moments moments(const NormalizeConstants& n, const std::byte* x) {
  if constexpr (T == ElementType::u8) return byte_moments(x, n.input_zero, n.shape.channels);
  return word_moments(x, n.shape.channels);
}

float square_root(float x) {
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
}

template <ElementType T>
OCTAVO_INLINE __m512i centred(const std::byte* x, __m512i zero, int32_t c) {
  return _mm512_sub_epi32(load_stored(x, T, c), zero);
}

// d and C * (x - z) fit into 32 bits, both factors into 16: see accepts.
struct LayerNorm {
  const NormalizeConstants& n;
  const std::byte* x;
  __m512 scale;
  __m512i zero, count, sum;

  template <ElementType T>
  OCTAVO_INLINE __m512 value(int32_t c) const {
    const __m512i d = _mm512_sub_epi32(_mm512_madd_epi16(centred<T>(x, zero, c), count), sum);
    const __m512 scaled = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(d), scale),
                                        _mm512_loadu_ps(n.epilogue.multiplier + c));
    return _mm512_add_ps(scaled, _mm512_loadu_ps(n.offset + c));
  }
};

// Whatever the epilogue.
template <ElementType T, Activation A>
void layer_norm_pixel(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  const EpilogueArrays& e = n.epilogue;
  const int32_t channels = n.shape.channels;
  const Moments m = moments<T>(n, x);
  const int64_t variance = channels * m.squares - m.sum * m.sum;
  const float deviation = square_root(static_cast<float>(variance) + n.least);
  const LayerNorm norm{n,
                       x,
                       _mm512_set1_ps(1.0f / deviation),
                       _mm512_set1_epi32(n.input_zero),
                       _mm512_set1_epi32(channels),
                       _mm512_set1_epi32(static_cast<int32_t>(m.sum))};
  for (int32_t c = 0; c < channels; c += 16)
    store(e, activate_as<A>(e, norm.value<T>(c), c), y, c, lanes16(channels - c));
}

// Up to 16 pixels, whichever rows they lie in.
struct Pixels {
  static constexpr int32_t most = 16;
  int32_t count = 0;
  const std::byte* x[most];
  std::byte* y[most];
};

// x - z of 32 channels as words.
template <ElementType T>
OCTAVO_INLINE __m512i centred_words(const std::byte* x, __m512i zero, int32_t c) {
  if constexpr (T == ElementType::i16) return _mm512_loadu_si512(x + ptrdiff_t{2} * c);
  const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c));
  return _mm512_sub_epi16(_mm512_cvtepu8_epi16(stored), zero);
}

// Lane p: the sum of the lanes of v[p].
OCTAVO_INLINE __m512i sums_of(const __m512i (&v)[16]) {
  __m512i pairs[8], quads[4];
  unroll<8>([&](auto i8) __attribute__((always_inline)) {
    constexpr int i = decltype(i8)::value;
    pairs[i] = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]),
                                _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]));
  });
  unroll<4>([&](auto i4) __attribute__((always_inline)) {
    constexpr int i = decltype(i4)::value;
    quads[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(pairs[2 * i], pairs[2 * i + 1]),
                                _mm512_unpackhi_epi64(pairs[2 * i], pairs[2 * i + 1]));
  });
  const auto folded = [](__m512i a, __m512i b) __attribute__((always_inline)) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
  };
  return folded(folded(quads[0], quads[1]), folded(quads[2], quads[3]));
}

// The same of eight vectors of 64 bits.
OCTAVO_INLINE __m512i wide_sums_of(const __m512i* v) {
  __m512i pairs[4];
  unroll<4>([&](auto i4) __attribute__((always_inline)) {
    constexpr int i = decltype(i4)::value;
    pairs[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(v[2 * i], v[2 * i + 1]),
                                _mm512_unpackhi_epi64(v[2 * i], v[2 * i + 1]));
  });
  const auto folded = [](__m512i a, __m512i b) __attribute__((always_inline)) {
    return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
  };
  return folded(folded(pairs[0], pairs[1]), folded(pairs[2], pairs[3]));
}

// float(V) of eight pixels, from their sums and sums of squares.
OCTAVO_INLINE __m256 variances(__m256i sum, __m512i squares, int32_t channels) {
  const __m512i s = _mm512_cvtepi32_epi64(sum);
  const __m512i all = _mm512_mullo_epi64(squares, _mm512_set1_epi64(channels));
  return _mm512_cvtepi64_ps(_mm512_sub_epi64(all, _mm512_mul_epi32(s, s)));
}

// What a batch of pixels is normalized by.
struct BatchScales {
  alignas(64) float scale[Pixels::most];
  alignas(64) int32_t sum[Pixels::most];
};

// At most most_channels_in_words, so that sums stay inside 32 bits.
template <ElementType T>
void measure(const NormalizeConstants& n, const Pixels& pixels, BatchScales& to) {
  const int32_t channels = n.shape.channels;
  const __m512i zero = _mm512_set1_epi16(static_cast<int16_t>(n.input_zero));
  const __m512i ones = _mm512_set1_epi16(1), low_half = _mm512_set1_epi64(0xffffffff);
  __m512i sums[Pixels::most], squares[Pixels::most];
  for (int32_t p = 0; p < Pixels::most; ++p) {
    __m512i sum = _mm512_setzero_si512(), square = sum;
    for (int32_t c = 0; p < pixels.count && c < channels; c += 32) {
      const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
      const __m512i d = _mm512_maskz_mov_epi16(lanes, centred_words<T>(pixels.x[p], zero, c));
      const __m512i both = _mm512_madd_epi16(d, d);  // at most 2^31, without a sign
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(d, ones));
      square = _mm512_add_epi64(square, _mm512_and_si512(both, low_half));
      square = _mm512_add_epi64(square, _mm512_srli_epi64(both, 32));
    }
    sums[p] = sum;
    squares[p] = square;
  }
  const __m512i sum = sums_of(sums);
  const __m256 low = variances(_mm512_castsi512_si256(sum), wide_sums_of(squares), channels);
  const __m256 high =
      variances(_mm512_extracti64x4_epi64(sum, 1), wide_sums_of(squares + 8), channels);
  const __m512 variance = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
  const __m512 deviation = _mm512_sqrt_ps(_mm512_add_ps(variance, _mm512_set1_ps(n.least)));
  _mm512_store_ps(to.scale, _mm512_div_ps(_mm512_set1_ps(1.0f), deviation));
  _mm512_store_si512(to.sum, sum);
}

template <ElementType T, Activation A>
void layer_norm_pixels(const NormalizeConstants& n, const WordLimits* limits,
                       const Pixels& pixels) {
  const int32_t channels = n.shape.channels;
  const __m512i zero = _mm512_set1_epi16(static_cast<int16_t>(n.input_zero));
  const __m512i count = _mm512_set1_epi32(channels), none = _mm512_setzero_si512();
  BatchScales by;
  measure<T>(n, pixels, by);
  for (int32_t c = 0; c < channels; c += 32) {
    const WordEpilogue<A> epilogue(n.epilogue, c, channels - c, limits[c / 32]);
    const Pair m = epilogue.multiplier();
    const Pair offset = Halves::load_floats(n.offset, c, c + 16 < channels ? c + 16 : c);
    for (int32_t p = 0; p < pixels.count; ++p) {
      const __m512i x = centred_words<T>(pixels.x[p], zero, c);
      const __m512i sum = _mm512_set1_epi32(by.sum[p]);
      const __m512 scale = _mm512_set1_ps(by.scale[p]);
      const Halves d = Halves{_mm512_madd_epi16(_mm512_unpacklo_epi16(x, none), count),
                              _mm512_madd_epi16(_mm512_unpackhi_epi16(x, none), count)} -
                       Halves{sum, sum};
      const auto f = [&](__m512i d16, __m512 m16, __m512 offset16) __attribute__((always_inline)) {
        const __m512 scaled = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(d16), scale), m16);
        return _mm512_add_ps(scaled, offset16);
      };
      epilogue.store({f(d.first, m.first, offset.first), f(d.last, m.second, offset.second)},
                     pixels.y[p]);
    }
  }
}

// One: all multipliers are one, and one quotient serves all channels.
template <ElementType T, Activation A, bool One>
void l2_pixel(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  const EpilogueArrays& e = n.epilogue;
  const int32_t channels = n.shape.channels;
  const float root = square_root(static_cast<float>(moments<T>(n, x).squares));
  const float length = root > n.least ? root : n.least;
  const __m512 divisor = _mm512_set1_ps(length);
  const __m512 shared = _mm512_set1_ps(e.multiplier[0] / length);
  const __m512i zero = _mm512_set1_epi32(n.input_zero);
  for (int32_t c = 0; c < channels; c += 16) {
    const __m512 quotient =
        One ? shared : _mm512_div_ps(_mm512_loadu_ps(e.multiplier + c), divisor);
    const __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(centred<T>(x, zero, c)), quotient);
    store(e, activate_as<A>(e, f, c), y, c, lanes16(channels - c));
  }
}

template <class Pixel>
OCTAVO_INLINE void each_pixel(const NormalizeArguments& a, const Pixel& pixel) {
  for (int32_t r = 0; r < a.rows; ++r)
    for (int32_t x = 0; x < a.width; ++x)
      pixel(a.input.row[r] + x * a.input.pixel_bytes, a.output.row[r] + x * a.output.pixel_bytes);
}

template <ElementType T, Activation A>
void layer_norm_batches(const NormalizeConstants& n, const WordLimits* limits,
                        const NormalizeArguments& arguments) {
  Pixels pixels;
  each_pixel(arguments, [&](const std::byte* x, std::byte* y) {
    pixels.x[pixels.count] = x;
    pixels.y[pixels.count++] = y;
    if (pixels.count < Pixels::most) return;
    layer_norm_pixels<T, A>(n, limits, pixels);
    pixels.count = 0;
  });
  if (pixels.count > 0) layer_norm_pixels<T, A>(n, limits, pixels);
}

template <ElementType T>
void layer_norm_all(const NormalizeArguments& arguments) {
  const NormalizeConstants n = *arguments.constants;  // or they are read after every store
  const ShortCuts& cuts = short_cuts_of(n.prepared);
  with_activation(n.epilogue.activation, [&]<Activation A>() {
    if (cuts.in_words) return layer_norm_batches<T, A>(n, cuts.limits(), arguments);
    each_pixel(arguments,
               [&](const std::byte* x, std::byte* y) { layer_norm_pixel<T, A>(n, x, y); });
  });
}

template <ElementType T>
void l2_all(const NormalizeArguments& arguments) {
  const NormalizeConstants n = *arguments.constants;
  const bool one = short_cuts_of(n.prepared).one_multiplier;
  with_activation(n.epilogue.activation, [&]<Activation A>() {
    each_pixel(arguments, [&](const std::byte* x, std::byte* y) {
      one ? l2_pixel<T, A, true>(n, x, y) : l2_pixel<T, A, false>(n, x, y);
    });
  });
}

bool takes(const NormalizeShape& s, NormalizeShape::Kind kind) {
  return s.kind == kind && (s.input == ElementType::u8 || s.input == ElementType::i16);
}

}  // namespace

namespace layer_norm {

// |d| <= C * 65535 stays inside 32 bits.
bool accepts(const NormalizeShape& s) {
  return takes(s, NormalizeShape::Kind::layer_norm) && s.channels <= 32767;
}

size_t prepared_bytes(const NormalizeShape& s) {
  return short_cuts_bytes(s.channels);
}

// |d| * scale is at most sqrt(C), a little more after rounding.
void prepare(const NormalizeConstants& n, std::byte* prepared) {
  const int32_t channels = n.shape.channels;
  ShortCuts cuts{};
  cuts.in_words = channels <= most_channels_in_words && activation_fits(n.epilogue, channels) &&
                  are_within(n.epilogue.multiplier, channels, 8388608.0f) &&
                  are_within(n.offset, channels, 268435456.0f);
  write_short_cuts(cuts, n.epilogue, channels, prepared);
}

void run(const NormalizeArguments& n) {
  n.constants->shape.input == ElementType::u8 ? layer_norm_all<ElementType::u8>(n)
                                              : layer_norm_all<ElementType::i16>(n);
}

}  // namespace layer_norm

namespace l2 {

// Sums of bytes' squares stay inside 32 bits.
bool accepts(const NormalizeShape& s) {
  return takes(s, NormalizeShape::Kind::l2) && s.channels <= 65535;
}

size_t prepared_bytes(const NormalizeShape&) {
  return short_cuts_bytes(0);
}

void prepare(const NormalizeConstants& n, std::byte* prepared) {
  ShortCuts cuts{};
  cuts.one_multiplier = is_one_value(n.epilogue.multiplier, n.shape.channels);
  write_short_cuts(cuts, n.epilogue, 0, prepared);
}

void run(const NormalizeArguments& n) {
  n.constants->shape.input == ElementType::u8 ? l2_all<ElementType::u8>(n)
                                              : l2_all<ElementType::i16>(n);
}

}  // namespace l2
}  // namespace octavo::kernels::avx512
