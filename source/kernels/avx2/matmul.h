// The right operand of a product of two activations, packed 8 columns at a time.
#pragma once

#include "kernels/avx2/dense.h"
#include "kernels/common/matmul.h"

namespace octavo::kernels::avx2 {
namespace {

// The right operand of one row as it is stored.
struct Columns {
  const std::byte* values;
  ptrdiff_t pixel_bytes;
  int32_t depth, channels;

  // 8 columns from c on of the k-th of the depth; beyond the depth 0.
  OCTAVO_INLINE __m128i plain(int32_t k, int32_t c) const {
    if (k >= depth) return _mm_setzero_si128();
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(values + k * pixel_bytes + c));
  }
  // 16 of the depth from k on of column c, or of the last one.
  OCTAVO_INLINE __m128i transposed(int32_t k, int32_t c) const {
    return load_half(values + smaller(c, channels - 1) * pixel_bytes + k);
  }
};

// A Dot as in dense.h that besides packs 8 columns from c on into the steps of a block and
// returns their sums: pack_plain(columns, c, steps), pack_transposed(columns, c, steps).
template <class Dot>
struct Right {
  struct Room {};
  static Room take_room(const ConvolutionShape&, Scratch&) { return {}; }

  static void pack(const MatMulArguments& m, int32_t r, const ConvolutionShape& s, const Room&,
                   std::byte* packed) {
    const auto layout = Dense<Dot>::layout_of(s);
    const Columns b{m.b.row[r], m.b.pixel_bytes, m.constants->shape.depth,
                    m.constants->shape.channels};
    const __m256i zero = _mm256_set1_epi32(-m.constants->a_zero);
    for (int32_t c = 0; c < b.channels; c += 8) {
      std::byte* steps = packed + layout.bias_bytes + c / 8 * layout.block_bytes;
      const __m256i sum = m.constants->shape.transpose_b ? Dot::pack_transposed(b, c, steps)
                                                         : Dot::pack_plain(b, c, steps);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(packed + ptrdiff_t{c} * 4),
                          _mm256_mullo_epi32(sum, zero));
    }
    // No block of these needs care.
    __builtin_memset(packed + layout.bias_bytes + layout.blocks * layout.block_bytes, 0,
                     static_cast<size_t>(layout.blocks));
  }
};

template <class Dot>
using MatMul = common::MatMulLoops<Dense<Dot>, Right<Dot>>;

}  // namespace
}  // namespace octavo::kernels::avx2
