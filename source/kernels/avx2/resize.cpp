// Resize by two neighbours a direction: vpmaddwd weighs two columns, a multiplication each
// of the two rows. No weighted sum exceeds 2^29.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2::resize {
namespace {

// Columns `left` and `right` of a row, weighed: 8 channels.
OCTAVO_INLINE __m256i between(const std::byte* left, const std::byte* right, ElementType type,
                              __m256i weights, int32_t c) {
  const __m256i words = _mm256_blend_epi16(
      load_stored(left, type, c), _mm256_slli_epi32(load_stored(right, type, c), 16), 0xaa);
  return _mm256_madd_epi16(words, weights);
}

template <ElementType T, Activation A>
void run_all(const ResizeArguments& arguments) {
  const ResizeArguments z = arguments;  // or it is read again after every store
  const ResizeConstants k = *z.constants;
  const EpilogueArrays& e = k.epilogue;
  const int32_t channels = k.shape.channels;
  for (int32_t r = 0; r < z.rows; ++r) {
    const __m256i below_weight = _mm256_set1_epi32(z.row_weight[r]);
    const __m256i above_weight = _mm256_set1_epi32(128 - z.row_weight[r]);
    for (int32_t x = 0; x < z.width; ++x) {
      const ptrdiff_t left = k.column[x] * z.upper.pixel_bytes,
                      right = k.next_column[x] * z.upper.pixel_bytes;
      const std::byte *upper = z.upper.row[r], *lower = z.lower.row[r];
      const int32_t weight = k.column_weight[x];
      const __m256i weights = _mm256_set1_epi32(weight << 16 | (128 - weight));
      std::byte* output = z.output.row[r] + x * z.output.pixel_bytes;
      for (int32_t c = 0; c < channels; c += 8) {
        const __m256i above = between(upper + left, upper + right, T, weights, c);
        const __m256i below = between(lower + left, lower + right, T, weights, c);
        const __m256i weighed = _mm256_add_epi32(_mm256_mullo_epi32(above, above_weight),
                                                 _mm256_mullo_epi32(below, below_weight));
        // All weights together are 2^14.
        const __m256i zeros = _mm256_slli_epi32(load(k.input_zero + c), 14);
        const __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(weighed, zeros)),
                                       _mm256_loadu_ps(e.multiplier + c));
        store(e, activate_as<A>(e, f, c), output, c, channels - c);
      }
    }
  }
}

}  // namespace

bool accepts(const ResizeShape& s) {
  return is_activation(s.input);
}

void run(const ResizeArguments& z) {
  const ResizeConstants& k = *z.constants;
  with_activation(k.epilogue.activation, [&]<Activation A>() {
    k.shape.input == ElementType::u8 ? run_all<ElementType::u8, A>(z)
                                     : run_all<ElementType::i16, A>(z);
  });
}

}  // namespace octavo::kernels::avx2::resize
