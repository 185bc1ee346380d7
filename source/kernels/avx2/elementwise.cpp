// Add, multiply, divide (also by a gate of one pixel) and rescale, 8 channels at a time.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2 {
namespace {

using Kind = ElementwiseShape::Kind;

// Half a unit where there is none.
OCTAVO_INLINE __m256 divisor(__m256i x) {
  const __m256i none = _mm256_cmpeq_epi32(x, _mm256_setzero_si256());
  return _mm256_blendv_ps(_mm256_cvtepi32_ps(x), _mm256_set1_ps(0.5f), _mm256_castsi256_ps(none));
}

template <Kind K>
OCTAVO_INLINE __m256 value_of(const ElementwiseConstants& e, const std::byte* a, const std::byte* b,
                              int32_t c) {
  const ElementwiseShape& s = e.shape;
  const __m256 m = _mm256_loadu_ps(e.epilogue.multiplier + c);
  const __m256i left = centred(load_stored(a, s.a, c), e.a_zero + c);
  if constexpr (K == Kind::rescale) {
    return _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(left), m), _mm256_loadu_ps(e.offset + c));
  } else {
    const __m256i right = centred(load_stored(b, s.b, c), e.b_zero + c);
    if constexpr (K == Kind::multiply)
      return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_mullo_epi32(left, right)), m);
    else if constexpr (K == Kind::divide)
      return _mm256_div_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(left), m), divisor(right));
    else
      return _mm256_add_ps(
          _mm256_mul_ps(_mm256_cvtepi32_ps(left), m),
          _mm256_mul_ps(_mm256_cvtepi32_ps(right), _mm256_loadu_ps(e.b_multiplier + c)));
  }
}

template <Kind K>
void run_all(const ElementwiseArguments& arguments) {
  const ElementwiseConstants e = *arguments.constants;  // or they are read after every store
  const ElementwiseShape& s = e.shape;
  for (int32_t r = 0; r < arguments.rows; ++r)
    for (int32_t x = 0; x < arguments.width; ++x) {
      const std::byte* a = arguments.a.row[r] + x * arguments.a.pixel_bytes;
      const std::byte* b = nullptr;
      if constexpr (K != Kind::rescale)
        b = arguments.b.row[r] + (s.b_is_one_pixel ? 0 : x) * arguments.b.pixel_bytes;
      std::byte* output = arguments.output.row[r] + x * arguments.output.pixel_bytes;
      for (int32_t c = 0; c < s.channels; c += 8)
        store(e.epilogue, activate(e.epilogue, value_of<K>(e, a, b, c), c), output, c,
              s.channels - c);
    }
}

}  // namespace

namespace elementwise {

bool accepts(const ElementwiseShape& s) {
  return s.a != ElementType::f32 && s.b != ElementType::f32;
}

void run(const ElementwiseArguments& e) {
  switch (e.constants->shape.kind) {
    case Kind::add:
      return run_all<Kind::add>(e);
    case Kind::multiply:
      return run_all<Kind::multiply>(e);
    case Kind::divide:
      return run_all<Kind::divide>(e);
    case Kind::rescale:
      return run_all<Kind::rescale>(e);
  }
}

}  // namespace elementwise
}  // namespace octavo::kernels::avx2
