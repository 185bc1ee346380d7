// Resize by two neighbours a direction, 32 channels at a time: multiplications in 16 bits weigh
// two columns of bytes, vpmaddwd the two rows. No weighted sum exceeds 2^29.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512::resize {
namespace {

// Of two neighbours, of which the second counts `second` of 128.
struct Weights {
  __m512i first, second, pair;  // as words; both in a dword

  explicit OCTAVO_INLINE Weights(int32_t second_of_128)
      : first(_mm512_set1_epi16(static_cast<int16_t>(128 - second_of_128))),
        second(_mm512_set1_epi16(static_cast<int16_t>(second_of_128))),
        pair(_mm512_set1_epi32(second_of_128 << 16 | (128 - second_of_128))) {}

  // Products of bytes and 128 stay inside 16 bits, with their sums.
  OCTAVO_INLINE __m512i in_words(__m512i a, __m512i b) const {
    return _mm512_add_epi16(_mm512_mullo_epi16(a, first), _mm512_mullo_epi16(b, second));
  }
  OCTAVO_INLINE Halves of_words(__m512i a, __m512i b) const {
    return {_mm512_madd_epi16(_mm512_unpacklo_epi16(a, b), pair),
            _mm512_madd_epi16(_mm512_unpackhi_epi16(a, b), pair)};
  }
};

OCTAVO_INLINE __m512i times(__m512i x, int32_t weight) {
  return _mm512_mullo_epi32(x, _mm512_set1_epi32(weight));
}

// 32 stored values as words.
template <ElementType T>
OCTAVO_INLINE __m512i load_words(const std::byte* p) {
  if constexpr (T == ElementType::i16) return _mm512_loadu_si512(p);
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

// Columns `left` and `right` of two rows.
template <ElementType T>
OCTAVO_INLINE Halves weighed(const std::byte* upper, const std::byte* lower, ptrdiff_t left,
                             ptrdiff_t right, const Weights& of_columns, int32_t lower_weight) {
  const __m512i a = load_words<T>(upper + left), b = load_words<T>(upper + right);
  const __m512i c = load_words<T>(lower + left), d = load_words<T>(lower + right);
  if constexpr (T == ElementType::u8) {
    return Weights(lower_weight).of_words(of_columns.in_words(a, b), of_columns.in_words(c, d));
  } else {
    const Halves above = of_columns.of_words(a, b), below = of_columns.of_words(c, d);
    return Halves{times(above.first, 128 - lower_weight), times(above.last, 128 - lower_weight)} +
           Halves{times(below.first, lower_weight), times(below.last, lower_weight)};
  }
}

// At most 32 channels from c on.
template <ElementType T, class Epilogue>
void run_block(const ResizeArguments& z, int32_t c) {
  const ResizeConstants k = *z.constants;
  const int32_t end = k.shape.channels;
  const Epilogue epilogue(k.epilogue, c, end - c);
  const Halves zero = Halves::load(k.input_zero, c, c + 16 < end ? c + 16 : c);
  // All weights together are 2^14.
  const Halves zeros = {_mm512_slli_epi32(zero.first, 14), _mm512_slli_epi32(zero.last, 14)};
  const ptrdiff_t from = c * element_bytes(T);
  for (int32_t r = 0; r < z.rows; ++r) {
    const std::byte *upper = z.upper.row[r] + from, *lower = z.lower.row[r] + from;
    std::byte* output = z.output.row[r];
    for (int32_t x = 0; x < z.width; ++x, output += z.output.pixel_bytes) {
      const ptrdiff_t left = k.column[x] * z.upper.pixel_bytes,
                      right = k.next_column[x] * z.upper.pixel_bytes;
      const Halves sums =
          weighed<T>(upper, lower, left, right, Weights(k.column_weight[x]), z.row_weight[r]);
      epilogue.store(epilogue.scaled(sums - zeros), output);
    }
  }
}

template <ElementType T>
void run_all(const ResizeArguments& given) {
  const ResizeArguments z = given;  // or it is read again after every store
  with_activation(z.constants->epilogue.activation, [&]<Activation A>() {
    const EpilogueArrays& e = z.constants->epilogue;
    for (int32_t c = 0; c < z.constants->shape.channels; c += 32) {
      const int32_t end = smaller(c + 32, z.constants->shape.channels);
      const bool in_words =
          conversion_fits(e, false, c, end) && (A != Activation::table || arguments_fit(e, c, end));
      in_words ? run_block<T, WordEpilogue<A>>(z, c) : run_block<T, AnyEpilogue<A>>(z, c);
    }
  });
}

}  // namespace

bool accepts(const ResizeShape& s) {
  return s.input == ElementType::u8 || s.input == ElementType::i16;
}

void run(const ResizeArguments& z) {
  z.constants->shape.input == ElementType::u8 ? run_all<ElementType::u8>(z)
                                              : run_all<ElementType::i16>(z);
}

}  // namespace octavo::kernels::avx512::resize
