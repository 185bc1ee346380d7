// The right operand of a product of two activations, packed 16 columns at a time.
#pragma once

#include "kernels/common/matmul.h"

#include "kernels/avx512/epilogue.h"

namespace octavo::kernels::avx512 {
namespace {

// The right operand of one row as it is stored.
struct Columns {
  const uint8_t* values;
  ptrdiff_t pixel_bytes;
  int32_t depth, channels;
};

// Four dwords of a column each, [16 columns][4 of the depth], from index k on: those of
// columns c .. c + 15. Lanes beyond the last column hold anything, values beyond the depth 0.
struct Quads {
  __m512i at[4];
};

// b [channels][depth]: 16 bytes of each column, transposed by dwords.
OCTAVO_INLINE Quads transposed_quads(const Columns& b, int32_t k, int32_t c) {
  const __mmask16 inside = lanes16(larger(b.depth - k, 0));
  const auto column = [&](int32_t i) __attribute__((always_inline)) {
    const int32_t existing = smaller(c + i, b.channels - 1);
    return _mm_maskz_loadu_epi8(inside, b.values + existing * b.pixel_bytes + k);
  };
  __m512i row[4];  // lane j: column 4 j + i
  unroll<4>([&](auto i4) __attribute__((always_inline)) {
    constexpr int i = decltype(i4)::value;
    const __m256i low =
        _mm256_inserti128_si256(_mm256_castsi128_si256(column(i)), column(4 + i), 1);
    const __m256i high =
        _mm256_inserti128_si256(_mm256_castsi128_si256(column(8 + i)), column(12 + i), 1);
    row[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  });
  const __m512i low01 = _mm512_unpacklo_epi32(row[0], row[1]),
                low23 = _mm512_unpacklo_epi32(row[2], row[3]),
                high01 = _mm512_unpackhi_epi32(row[0], row[1]),
                high23 = _mm512_unpackhi_epi32(row[2], row[3]);
  return {{_mm512_unpacklo_epi64(low01, low23), _mm512_unpackhi_epi64(low01, low23),
           _mm512_unpacklo_epi64(high01, high23), _mm512_unpackhi_epi64(high01, high23)}};
}

// b [depth][channels]: for each quad 16 bytes of four rows, interleaved.
OCTAVO_INLINE Quads plain_quads(const Columns& b, int32_t k, int32_t c) {
  const auto row = [&](int32_t i) __attribute__((always_inline)) {
    if (k + i >= b.depth) return _mm_setzero_si128();
    return _mm_loadu_si128(
        reinterpret_cast<const __m128i*>(b.values + (k + i) * b.pixel_bytes + c));
  };
  Quads quads;
  unroll<4>([&](auto q4) __attribute__((always_inline)) {
    constexpr int i = 4 * decltype(q4)::value;
    const __m128i r0 = row(i), r1 = row(i + 1), r2 = row(i + 2), r3 = row(i + 3);
    const __m128i low01 = _mm_unpacklo_epi8(r0, r1), low23 = _mm_unpacklo_epi8(r2, r3),
                  high01 = _mm_unpackhi_epi8(r0, r1), high23 = _mm_unpackhi_epi8(r2, r3);
    const __m256i low =
        _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi16(low01, low23)),
                                _mm_unpackhi_epi16(low01, low23), 1);
    const __m256i high =
        _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi16(high01, high23)),
                                _mm_unpackhi_epi16(high01, high23), 1);
    quads.at[i / 4] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  });
  return quads;
}

OCTAVO_INLINE void save_half(std::byte* to, __m256i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x);
}

// As dense.cpp packs bytes: 64 for a quad; as wide.cpp does: 32 for each pair of the depth.
template <bool Wide>
OCTAVO_INLINE void save_quad(std::byte* column, int32_t quad, int32_t depth, __m512i x) {
  if constexpr (!Wide) {
    _mm512_storeu_si512(column + static_cast<ptrdiff_t>(quad) * 64, x);
  } else {
    std::byte* to = column + static_cast<ptrdiff_t>(quad) * 64;
    save_half(to, _mm512_cvtepi32_epi16(x));
    if (4 * quad + 2 < depth) save_half(to + 32, _mm512_cvtepi32_epi16(_mm512_srli_epi32(x, 16)));
  }
}

// The columns c .. c + 15, zeros beyond the depth; returns their sums.
template <bool Wide, bool Transposed>
__m512i pack_columns(const Columns& b, int32_t padded_depth, int32_t c, std::byte* to) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sum = _mm512_setzero_si512();
  for (int32_t k = 0; k < padded_depth; k += 16) {
    const Quads quads = Transposed ? transposed_quads(b, k, c) : plain_quads(b, k, c);
    unroll<4>([&](auto q4) __attribute__((always_inline)) {
      constexpr int q = decltype(q4)::value;
      if (k + 4 * q >= padded_depth) return;
      sum = _mm512_dpbusd_epi32(sum, ones, quads.at[q]);
      save_quad<Wide>(to, k / 4 + q, b.depth, quads.at[q]);
    });
  }
  return sum;
}

// How Packed lays it out:
//   wide                          words, as wide.cpp packs them; else bytes, as dense.h does
//   padded_depth(shape)           values of the depth that a column has
//   column(shape, vector, packed) the first of 16 columns
//   bias(shape, vector, packed)   and their biases
template <class Packed>
struct Right {
  struct Room {};
  static Room take_room(const ConvolutionShape&, Scratch&) { return {}; }

  static void pack(const MatMulArguments& m, int32_t r, const ConvolutionShape& s, const Room&,
                   std::byte* packed) {
    const Columns b{bytes(m.b.row[r]), m.b.pixel_bytes, m.constants->shape.depth,
                    m.constants->shape.channels};
    const int32_t depth = Packed::padded_depth(s);
    const __m512i zero = _mm512_set1_epi32(-m.constants->a_zero);
    for (int32_t c = 0; c < b.channels; c += 16) {
      std::byte* column = Packed::column(s, c / 16, packed);
      const __m512i sum = m.constants->shape.transpose_b
                              ? pack_columns<Packed::wide, true>(b, depth, c, column)
                              : pack_columns<Packed::wide, false>(b, depth, c, column);
      _mm512_storeu_si512(Packed::bias(s, c / 16, packed), _mm512_mullo_epi32(sum, zero));
    }
  }
};

}  // namespace
}  // namespace octavo::kernels::avx512
