// Dense convolution and products of activations by vpdpbusd on 256 bits: four products of bytes and
// their sum a lane. Unsigned inputs meet signed weights: rows are read where they are.
//
// Compiled for AVX-VNNI, and for tests and benchmarks once more for AVX-512 VNNI, which has the
// same instruction in another encoding: either kind of machine tries this code.
#include "kernels/avx2/dense.h"

#include "kernels/avx2/matmul.h"
#include "kernels/avxvnni/rows.h"

namespace octavo::kernels::avxvnni {
namespace {

using namespace avx2;

struct Bytes {
  static constexpr ptrdiff_t element_bytes = 1;

  static constexpr bool takes(ElementType type) { return type == ElementType::u8; }
  static constexpr bool is_restaged(ElementType) { return false; }

  static OCTAVO_INLINE void stage(ElementType, const std::byte* from, ptrdiff_t count,
                                  std::byte* to) {
    for (ptrdiff_t i = 0; i < count; i += 16)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), load_half(from + i));
  }

  static OCTAVO_INLINE __m256i weights(const std::byte* p) { return load(p); }

  static OCTAVO_INLINE __m256i dot(__m256i sum, __m256i values, __m256i weights) {
#ifdef __AVXVNNI__
    return _mm256_dpbusd_avx_epi32(sum, values, weights);
#else
    return _mm256_dpbusd_epi32(sum, values, weights);
#endif
  }

  // Stores a step, the weights of columns 0 to 3 and 4 to 7, and adds it to the columns' sums.
  static OCTAVO_INLINE __m256i save(std::byte* step, __m128i low, __m128i high, __m256i sum) {
    const __m256i values = _mm256_setr_m128i(low, high);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(step), values);
    return dot(sum, _mm256_set1_epi8(1), values);
  }

  static __m256i pack_plain(const Columns& b, int32_t c, std::byte* steps) {
    __m256i sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < b.depth; k += 4, steps += 32) {
      const __m128i first = _mm_unpacklo_epi8(b.plain(k, c), b.plain(k + 1, c));
      const __m128i second = _mm_unpacklo_epi8(b.plain(k + 2, c), b.plain(k + 3, c));
      sum = save(steps, _mm_unpacklo_epi16(first, second), _mm_unpackhi_epi16(first, second), sum);
    }
    return sum;
  }

  // Four steps at a time, from 16 bytes of each of 8 columns: two transpositions of 4 x 4 lanes.
  static __m256i pack_transposed(const Columns& b, int32_t c, std::byte* steps) {
    __m256i sum = _mm256_setzero_si256();
    for (int32_t k = 0; k < b.depth; k += 16) {
      __m128i half[2][4];
      unroll<2>([&](auto h2) __attribute__((always_inline)) {
        constexpr int h = decltype(h2)::value;
        __m128i x[4];
        unroll<4>([&](auto i) __attribute__((always_inline)) {
          x[decltype(i)::value] = b.transposed(k, c + 4 * h + decltype(i)::value);
        });
        const __m128i low01 = _mm_unpacklo_epi32(x[0], x[1]),
                      low23 = _mm_unpacklo_epi32(x[2], x[3]);
        const __m128i high01 = _mm_unpackhi_epi32(x[0], x[1]),
                      high23 = _mm_unpackhi_epi32(x[2], x[3]);
        half[h][0] = _mm_unpacklo_epi64(low01, low23);
        half[h][1] = _mm_unpackhi_epi64(low01, low23);
        half[h][2] = _mm_unpacklo_epi64(high01, high23);
        half[h][3] = _mm_unpackhi_epi64(high01, high23);
      });
      unroll<4>([&](auto i4) __attribute__((always_inline)) {
        constexpr int i = decltype(i4)::value;
        const int32_t first = k + 4 * i, existing = b.depth - first;
        if (existing <= 0) return;
        // Of each lane the bytes that exist.
        const __m128i kept =
            existing >= 4 ? _mm_set1_epi32(-1) : _mm_set1_epi32((1 << 8 * existing) - 1);
        sum = save(steps + first / 4 * 32, _mm_and_si128(half[0][i], kept),
                   _mm_and_si128(half[1][i], kept), sum);
      });
    }
    return sum;
  }
};

}  // namespace

#ifdef __AVXVNNI__
constexpr FeatureSet features = feature::avx2 | feature::avxvnni;
constinit const ConvolutionKernel dense = Dense<Bytes>::row("avxvnni_dense", features);
constinit const ConvolutionKernel groups =
    Dense<Bytes>::wider_groups_row("avxvnni_groups", features);
constinit const MatMulKernel matmul = MatMul<Bytes>::row("avxvnni_matmul", features);
#else
constexpr FeatureSet features = feature::avx2 | feature::avx512 | feature::avx512vnni;
constinit const ConvolutionKernel evex_dense = Dense<Bytes>::row("avxvnni_dense_evex", features);
constinit const ConvolutionKernel evex_groups =
    Dense<Bytes>::wider_groups_row("avxvnni_groups_evex", features);
constinit const MatMulKernel evex_matmul = MatMul<Bytes>::row("avxvnni_matmul_evex", features);
#endif

}  // namespace octavo::kernels::avxvnni
