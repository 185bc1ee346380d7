// Dense convolution and products of activations by vpmaddwd: two products of words and their sum a
// lane. Bytes are widened once, in the scratch; words are read where they are.
#include "kernels/avx2/dense.h"

#include "kernels/avx2/matmul.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2 {
namespace {

struct Words {
  static constexpr ptrdiff_t element_bytes = 2;

  static constexpr bool takes(ElementType type) { return is_activation(type); }
  static constexpr bool is_restaged(ElementType type) { return type == ElementType::u8; }

  static OCTAVO_INLINE void stage(ElementType type, const std::byte* from, ptrdiff_t count,
                                  std::byte* to) {
    auto* words = reinterpret_cast<__m256i*>(to);
    if (type == ElementType::u8) {
      for (ptrdiff_t i = 0; i < count; i += 16)
        _mm256_storeu_si256(words++, _mm256_cvtepu8_epi16(load_half(from + i)));
    } else {
      for (ptrdiff_t i = 0; i < count; i += 16) _mm256_storeu_si256(words++, load(from + 2 * i));
    }
  }

  static OCTAVO_INLINE __m256i weights(const std::byte* p) {
    return _mm256_cvtepi8_epi16(load_half(p));
  }

  // sum + a[2i] * b[2i] + a[2i + 1] * b[2i + 1]
  static OCTAVO_INLINE __m256i dot(__m256i sum, __m256i a, __m256i b) {
    return avx2::dot(sum, a, b);
  }

  // Stores a step and adds it to the columns' sums.
  static OCTAVO_INLINE __m256i save(std::byte* step, __m128i values, __m256i sum) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(step), values);
    return avx2::dot(sum, _mm256_cvtepi8_epi16(values), _mm256_set1_epi16(1));
  }

  static __m256i pack_plain(const Columns& b, int32_t c, std::byte* steps) {
    __m256i sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < b.depth; k += 2, steps += 16)
      sum = save(steps, _mm_unpacklo_epi8(b.plain(k, c), b.plain(k + 1, c)), sum);
    return sum;
  }

  // Eight steps at a time, from 16 bytes of each of 8 columns: a transposition of 8 x 8 words.
  static __m256i pack_transposed(const Columns& b, int32_t c, std::byte* steps) {
    __m256i sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < b.depth; k += 16) {
      __m128i x[8], y[8];
      unroll<8>([&](auto i) __attribute__((always_inline)) {
        x[decltype(i)::value] = b.transposed(k, c + decltype(i)::value);
      });
      unroll<4>([&](auto i4) __attribute__((always_inline)) {
        constexpr int i = decltype(i4)::value;
        y[2 * i] = _mm_unpacklo_epi16(x[2 * i], x[2 * i + 1]);
        y[2 * i + 1] = _mm_unpackhi_epi16(x[2 * i], x[2 * i + 1]);
      });
      unroll<2>([&](auto i2) __attribute__((always_inline)) {
        constexpr int i = 4 * decltype(i2)::value;
        x[i] = _mm_unpacklo_epi32(y[i], y[i + 2]);
        x[i + 1] = _mm_unpackhi_epi32(y[i], y[i + 2]);
        x[i + 2] = _mm_unpacklo_epi32(y[i + 1], y[i + 3]);
        x[i + 3] = _mm_unpackhi_epi32(y[i + 1], y[i + 3]);
      });
      unroll<8>([&](auto i8) __attribute__((always_inline)) {
        constexpr int i = decltype(i8)::value;
        const int32_t first = k + 2 * i;
        if (first >= b.depth) return;
        __m128i values = i % 2 == 0 ? _mm_unpacklo_epi64(x[i / 2], x[i / 2 + 4])
                                    : _mm_unpackhi_epi64(x[i / 2], x[i / 2 + 4]);
        if (first + 1 == b.depth) values = _mm_and_si128(values, _mm_set1_epi16(255));
        sum = save(steps + first / 2 * 16, values, sum);
      });
    }
    return sum;
  }
};

}  // namespace

constinit const ConvolutionKernel dense = Dense<Words>::row("avx2_dense", feature::avx2);
constinit const ConvolutionKernel groups = Dense<Words>::grouped_row("avx2_groups", feature::avx2);
constinit const MatMulKernel matmul = MatMul<Words>::row("avx2_matmul", feature::avx2);

}  // namespace octavo::kernels::avx2
