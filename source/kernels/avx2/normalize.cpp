// Layer norm and L2 normalization: the sums of a pixel as exact integers, one square root and
// one division, correctly rounded as IEEE 754 has them, then 8 channels at a time.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2 {
namespace {

// Of x - z over the channels of a pixel.
struct Moments {
  int64_t sum, squares;
};

// x - z of the channels c .. c + 15 as words: a difference of bytes fits, and the zero point
// of i16 is 0.
template <ElementType T>
OCTAVO_INLINE __m256i word_differences(const std::byte* x, int32_t c, __m256i zero) {
  if constexpr (T == ElementType::i16) return load(x + ptrdiff_t{2} * c);
  return _mm256_sub_epi16(_mm256_cvtepu8_epi16(load_half(x + c)), zero);
}

// The first `count` of 16 words.
OCTAVO_INLINE __m256i word_mask(int32_t count) {
  const __m256i index = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm256_cmpgt_epi16(_mm256_set1_epi16(static_cast<int16_t>(smaller(count, 16))), index);
}

// A pair of squares is at most 2^31, without a sign.
template <ElementType T>
Moments moments(const NormalizeConstants& n, const std::byte* x) {
  const __m256i zero = _mm256_set1_epi16(static_cast<int16_t>(n.input_zero));
  const __m256i ones = _mm256_set1_epi16(1), low_half = _mm256_set1_epi64x(0xffffffff);
  __m256i sum = _mm256_setzero_si256(), squares = _mm256_setzero_si256();
  const int32_t channels = n.shape.channels;
  for (int32_t c = 0; c < channels; c += 16) {
    const __m256i d = _mm256_and_si256(word_differences<T>(x, c, zero), word_mask(channels - c));
    const __m256i pairs = _mm256_madd_epi16(d, d);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(d, ones));
    squares = _mm256_add_epi64(squares, _mm256_and_si256(pairs, low_half));
    squares = _mm256_add_epi64(squares, _mm256_srli_epi64(pairs, 32));
  }
  alignas(32) int32_t sums[8];
  alignas(32) int64_t all[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), sum);
  _mm256_store_si256(reinterpret_cast<__m256i*>(all), squares);
  Moments m{0, all[0] + all[1] + all[2] + all[3]};
  for (const int32_t part : sums) m.sum += part;
  return m;
}

float square_root(float x) {
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
}

// d and C * (x - z) fit into 32 bits: see accepts.
template <ElementType T, Activation A>
void layer_norm_pixel(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  const EpilogueArrays& e = n.epilogue;
  const int32_t channels = n.shape.channels;
  const Moments m = moments<T>(n, x);
  const int64_t variance = channels * m.squares - m.sum * m.sum;
  const float deviation = square_root(static_cast<float>(variance) + n.least);
  const __m256 scale = _mm256_set1_ps(1.0f / deviation);
  const __m256i zero = _mm256_set1_epi32(n.input_zero), count = _mm256_set1_epi32(channels);
  const __m256i sum = _mm256_set1_epi32(static_cast<int32_t>(m.sum));
  for (int32_t c = 0; c < channels; c += 8) {
    const __m256i difference = _mm256_sub_epi32(load_stored(x, T, c), zero);
    const __m256i d = _mm256_sub_epi32(_mm256_mullo_epi32(difference, count), sum);
    const __m256 scaled = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(d), scale),
                                        _mm256_loadu_ps(e.multiplier + c));
    const __m256 f = _mm256_add_ps(scaled, _mm256_loadu_ps(n.offset + c));
    store(e, activate_as<A>(e, f, c), y, c, channels - c);
  }
}

template <ElementType T, Activation A>
void l2_pixel(const NormalizeConstants& n, const std::byte* x, std::byte* y) {
  const EpilogueArrays& e = n.epilogue;
  const int32_t channels = n.shape.channels;
  const float root = square_root(static_cast<float>(moments<T>(n, x).squares));
  const __m256 length = _mm256_set1_ps(root > n.least ? root : n.least);
  const __m256i zero = _mm256_set1_epi32(n.input_zero);
  for (int32_t c = 0; c < channels; c += 8) {
    const __m256i difference = _mm256_sub_epi32(load_stored(x, T, c), zero);
    const __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(difference),
                                   _mm256_div_ps(_mm256_loadu_ps(e.multiplier + c), length));
    store(e, activate_as<A>(e, f, c), y, c, channels - c);
  }
}

template <ElementType T, bool Norm>
void run_all(const NormalizeArguments& arguments) {
  const NormalizeConstants n = *arguments.constants;  // or they are read after every store
  with_activation(n.epilogue.activation, [&]<Activation A>() {
    for (int32_t r = 0; r < arguments.rows; ++r)
      for (int32_t column = 0; column < arguments.width; ++column) {
        const std::byte* x = arguments.input.row[r] + column * arguments.input.pixel_bytes;
        std::byte* y = arguments.output.row[r] + column * arguments.output.pixel_bytes;
        Norm ? layer_norm_pixel<T, A>(n, x, y) : l2_pixel<T, A>(n, x, y);
      }
  });
}

}  // namespace

namespace layer_norm {

// |d| <= C * 65535 stays inside 32 bits.
bool accepts(const NormalizeShape& s) {
  return s.kind == NormalizeShape::Kind::layer_norm && is_activation(s.input) &&
         s.channels <= 32767;
}

void run(const NormalizeArguments& n) {
  n.constants->shape.input == ElementType::u8 ? run_all<ElementType::u8, true>(n)
                                              : run_all<ElementType::i16, true>(n);
}

}  // namespace layer_norm

namespace l2 {

// Sums of bytes' squares stay inside 32 bits.
bool accepts(const NormalizeShape& s) {
  return s.kind == NormalizeShape::Kind::l2 && is_activation(s.input) && s.channels <= 65535;
}

void run(const NormalizeArguments& n) {
  n.constants->shape.input == ElementType::u8 ? run_all<ElementType::u8, false>(n)
                                              : run_all<ElementType::i16, false>(n);
}

}  // namespace l2
}  // namespace octavo::kernels::avx2
