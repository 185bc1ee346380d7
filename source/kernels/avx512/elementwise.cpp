// Add, multiply, divide (also by a gate of one pixel) and rescale, 16 channels at a time.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512 {
namespace {

using Kind = ElementwiseShape::Kind;

// stored - zero, of the channels c .. c + 15.
OCTAVO_INLINE __m512i centred(const std::byte* pixel, ElementType type, const int32_t* zero,
                              int32_t c) {
  return _mm512_sub_epi32(load_stored(pixel, type, c), _mm512_loadu_si512(zero + c));
}

// f of the kernel's kind. K and the types are constants in the common cases.
template <Kind K>
OCTAVO_INLINE __m512 value(const ElementwiseConstants& e, ElementType a_type, ElementType b_type,
                           const std::byte* a, const std::byte* b, int32_t c) {
  const __m512 m = _mm512_loadu_ps(e.epilogue.multiplier + c);
  const __m512i left = centred(a, a_type, e.a_zero, c);
  if constexpr (K == Kind::rescale)
    return _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(left), m), _mm512_loadu_ps(e.offset + c));
  const __m512i right = centred(b, b_type, e.b_zero, c);
  if constexpr (K == Kind::multiply)
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_mullo_epi32(left, right)), m);
  if constexpr (K == Kind::divide) {
    const __m512 divisor = _mm512_mask_mov_ps(
        _mm512_cvtepi32_ps(right), _mm512_testn_epi32_mask(right, right), _mm512_set1_ps(0.5f));
    return _mm512_div_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(left), m), divisor);
  }
  return _mm512_add_ps(
      _mm512_mul_ps(_mm512_cvtepi32_ps(left), m),
      _mm512_mul_ps(_mm512_cvtepi32_ps(right), _mm512_loadu_ps(e.b_multiplier + c)));
}

template <Kind K>
OCTAVO_INLINE void run_pixel(const ElementwiseConstants& e, ElementType a_type, ElementType b_type,
                             const std::byte* a, const std::byte* b, std::byte* output) {
  for (int32_t c = 0; c < e.shape.channels; c += 16) {
    const __m512 f = value<K>(e, a_type, b_type, a, b, c);
    store(e.epilogue, activate(e.epilogue, f, c), output, c, lanes16(e.shape.channels - c));
  }
}

// Pixels of a row.
struct Row {
  const std::byte *a, *b;
  std::byte* output;
  ptrdiff_t a_bytes, b_bytes, output_bytes;  // from pixel to pixel; of a gate 0
  int32_t width;
};

Row row_of(const ElementwiseArguments& e, int32_t r) {
  const ElementwiseShape& s = e.constants->shape;
  Row row{};
  row.a = e.a.row[r];
  row.a_bytes = e.a.pixel_bytes;
  row.b = s.kind == Kind::rescale ? row.a : e.b.row[r];  // a rescale reads none
  row.b_bytes = s.kind == Kind::rescale || s.b_is_one_pixel ? 0 : e.b.pixel_bytes;
  row.output = e.output.row[r];
  row.output_bytes = e.output.pixel_bytes;
  row.width = e.width;
  return row;
}

// What the channels c .. c + 15 are computed with: f as `value` has it, but for the sign of a zero,
// which no integer keeps. Of bytes, differences and their products are floats as they are.
template <Kind K, bool Bytes>
struct Operands {
  __m512i a_zero, b_zero;
  __m512 multiplier, also;  // of b; the offset of a rescale

  OCTAVO_INLINE void load(const ElementwiseConstants& e, int32_t c) {
    a_zero = _mm512_loadu_si512(e.a_zero + c);
    if constexpr (K != Kind::rescale) b_zero = _mm512_loadu_si512(e.b_zero + c);
    multiplier = _mm512_loadu_ps(e.epilogue.multiplier + c);
    if constexpr (K == Kind::add) also = _mm512_loadu_ps(e.b_multiplier + c);
    if constexpr (K == Kind::rescale) also = _mm512_loadu_ps(e.offset + c);
  }

  // Of stored values; a rescale takes no b.
  OCTAVO_INLINE __m512 value(__m512i a, __m512i b) const {
    const __m512i a_real = _mm512_sub_epi32(a, a_zero);
    const __m512 left = _mm512_cvtepi32_ps(a_real);
    if constexpr (K == Kind::rescale) return _mm512_add_ps(_mm512_mul_ps(left, multiplier), also);
    const __m512i b_real = _mm512_sub_epi32(b, b_zero);
    if constexpr (K == Kind::multiply && !Bytes)
      return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_mullo_epi32(a_real, b_real)), multiplier);
    const __m512 right = _mm512_cvtepi32_ps(b_real);
    if constexpr (K == Kind::multiply) return _mm512_mul_ps(_mm512_mul_ps(left, right), multiplier);
    if constexpr (K == Kind::divide) {
      const __mmask16 is_zero = _mm512_cmp_ps_mask(right, _mm512_setzero_ps(), _CMP_EQ_OQ);
      return _mm512_div_ps(_mm512_mul_ps(left, multiplier),
                           _mm512_mask_mov_ps(right, is_zero, _mm512_set1_ps(0.5f)));
    }
    return _mm512_add_ps(_mm512_mul_ps(left, multiplier), _mm512_mul_ps(right, also));
  }
};

// V vectors of channels, `count` of them, of all pixels, where packing does the clamp (see
// saturation_clamps): what is the same for all of them stays in registers.
template <Kind K, int V>
void run_saturated(const ElementwiseConstants& e, const Row& given, int32_t c, int32_t count) {
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const Row row = given;
  Operands<K, true> of[V];
  __m512i zero[4];
  unroll<4>([&](auto v) __attribute__((always_inline)) {
    constexpr int i = decltype(v)::value;
    zero[i] = _mm512_loadu_si512(e.epilogue.zero + c + 16 * (i % V));
    if constexpr (i < V) of[i].load(e, c + 16 * i);
  });
  const __m512i zero01 = _mm512_packs_epi32(zero[0], zero[1]);
  const __m512i zero23 = _mm512_packs_epi32(zero[2], zero[3]);
  const std::byte *a = row.a + c, *b = row.b + c;
  std::byte* output = row.output + c;
  for (int32_t x = 0; x < row.width;
       ++x, a += row.a_bytes, b += row.b_bytes, output += row.output_bytes) {
    __m512i q[4];
    unroll<4>([&](auto v) __attribute__((always_inline)) {
      constexpr int i = decltype(v)::value;
      if constexpr (i < V) {
        const auto stored = [](const std::byte* p) __attribute__((always_inline)) {
          return load_stored(p, ElementType::u8, 0);
        };
        q[i] = _mm512_cvtps_epi32(of[i].value(stored(a + 16 * i), stored(b + 16 * i)));
      } else {
        q[i] = q[0];
      }
    });
    const __m512i words01 = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero01);
    const __m512i words23 = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero23);
    const __m512i bytes = _mm512_permutexvar_epi32(in_order, _mm512_packus_epi16(words01, words23));
    if (V == 1 && count == 16)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(output), _mm512_castsi512_si128(bytes));
    else if (V == 2 && count == 32)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(output), _mm512_castsi512_si256(bytes));
    else if (V == 4 && count == 64)
      _mm512_storeu_si512(output, bytes);
    else
      _mm512_mask_storeu_epi8(output, lanes64(count), bytes);
  }
}

template <Kind K>
void run_saturated(const ElementwiseArguments& a) {
  const ElementwiseConstants e = *a.constants;
  const int32_t channels = e.shape.channels;
  for (int32_t r = 0; r < a.rows; ++r) {
    const Row row = row_of(a, r);
    int32_t c = 0;
    for (; c + 48 < channels; c += 64) run_saturated<K, 4>(e, row, c, smaller(channels - c, 64));
    if (c + 32 < channels)
      run_saturated<K, 3>(e, row, c, channels - c);
    else if (c + 16 < channels)
      run_saturated<K, 2>(e, row, c, channels - c);
    else if (c < channels)
      run_saturated<K, 1>(e, row, c, channels - c);
  }
}

// At most 32 channels from c on, of all pixels of a row, where the clamp is done in 16 bits.
template <Kind K, Activation A>
void run_in_words(const ElementwiseConstants& e, const WordLimits& given_limits, const Row& given,
                  int32_t c) {
  const Row row = given;
  const WordLimits limits = given_limits;
  const ElementType a_type = e.shape.a, b_type = e.shape.b, output = e.epilogue.output;
  const int32_t count = e.shape.channels - c, next = count > 16 ? c + 16 : c;
  const Function<A> function(e.epilogue);
  Operands<K, false> of[2];
  of[0].load(e, c);
  of[1].load(e, next);
  Pair r = {of[0].multiplier, of[1].multiplier};
  if constexpr (A != Activation::none)
    r = {_mm512_loadu_ps(e.epilogue.output_multiplier + c),
         _mm512_loadu_ps(e.epilogue.output_multiplier + next)};
  const std::byte *a = row.a, *b = row.b;
  std::byte* to = row.output;
  for (int32_t x = 0; x < row.width;
       ++x, a += row.a_bytes, b += row.b_bytes, to += row.output_bytes) {
    const auto f = [&](int half, int32_t at) __attribute__((always_inline)) {
      const __m512i left = load_stored(a, a_type, at);
      return of[half].value(left, K == Kind::rescale ? left : load_stored(b, b_type, at));
    };
    Pair t = function(f(0, c), f(1, next));
    if constexpr (A != Activation::none)
      t = {_mm512_mul_ps(t.first, r.first), _mm512_mul_ps(t.second, r.second)};
    store_words(limits, output, t.first, t.second, to, c, count);
  }
}

template <Kind K, Activation A>
void run_in_words(const ElementwiseArguments& given) {
  const ElementwiseConstants e = *given.constants;  // or they are read again after every store
  const WordLimits* limits = short_cuts_of(e.prepared).limits();
  for (int32_t r = 0; r < given.rows; ++r) {
    const Row row = row_of(given, r);
    for (int32_t c = 0; c < e.shape.channels; c += 32)
      run_in_words<K, A>(e, limits[c / 32], row, c);
  }
}

template <Kind K>
void run_all(const ElementwiseArguments& given) {
  const bool has_b = K != Kind::rescale;
  // Copies, or they are read again after every store.
  const ElementwiseArguments arguments = given;
  const ElementwiseConstants e = *given.constants;
  const ElementwiseShape& s = e.shape;
  for (int32_t r = 0; r < arguments.rows; ++r)
    for (int32_t x = 0; x < arguments.width; ++x) {
      const std::byte* a = arguments.a.row[r] + x * arguments.a.pixel_bytes;
      const std::byte* b =
          has_b ? arguments.b.row[r] + (s.b_is_one_pixel ? 0 : x) * arguments.b.pixel_bytes
                : nullptr;
      std::byte* output = arguments.output.row[r] + x * arguments.output.pixel_bytes;
      run_pixel<K>(e, s.a, s.b, a, b, output);
    }
}

// |f| stays below 2^30: 65535 * m for a difference, twice that for a quotient, 2^31 * m for a
// product.
template <Kind K>
bool fits_words(const ElementwiseConstants& e) {
  const int32_t channels = e.shape.channels;
  if (!activation_fits(e.epilogue, channels)) return false;
  if (!are_within(e.epilogue.multiplier, channels, K == Kind::multiply ? 0.25f : 4096.0f))
    return false;
  if constexpr (K == Kind::multiply || K == Kind::divide) return true;
  if constexpr (K == Kind::add) return are_within(e.b_multiplier, channels, 4096.0f);
  return are_within(e.offset, channels, 268435456.0f);
}

bool fits_words(const ElementwiseConstants& e) {
  switch (e.shape.kind) {
    case Kind::add:
      return fits_words<Kind::add>(e);
    case Kind::multiply:
      return fits_words<Kind::multiply>(e);
    case Kind::divide:
      return fits_words<Kind::divide>(e);
    case Kind::rescale:
      return fits_words<Kind::rescale>(e);
  }
  return false;
}

template <Kind K>
void run_kind(const ElementwiseArguments& e) {
  const ShortCuts& cuts = short_cuts_of(e.constants->prepared);
  if (cuts.saturates) return run_saturated<K>(e);
  if (!cuts.in_words) return run_all<K>(e);
  if (e.constants->epilogue.activation == Activation::table)
    return run_in_words<K, Activation::table>(e);
  run_in_words<K, Activation::none>(e);
}

// |f| stays far below 2^31: 255 * 255 * m, or the sum of two times 255 * 2^20.
bool saturates(const ElementwiseConstants& e) {
  const ElementwiseShape& s = e.shape;
  if (s.a != ElementType::u8 || s.b != ElementType::u8) return false;
  if (s.activation != Activation::none) return false;
  if (!saturation_clamps(e.epilogue, false, 0, s.channels)) return false;
  const float* also = s.kind == Kind::add       ? e.b_multiplier
                      : s.kind == Kind::rescale ? e.offset
                                                : nullptr;
  for (int32_t c = 0; also != nullptr && c < s.channels; ++c)
    if (!(also[c] <= 1048576.0f && also[c] >= -1048576.0f)) return false;
  return true;
}

}  // namespace

namespace elementwise {

bool accepts(const ElementwiseShape& s) {
  return s.a != ElementType::f32 && s.b != ElementType::f32;
}

size_t prepared_bytes(const ElementwiseShape& s) {
  return short_cuts_bytes(s.channels);
}

void prepare(const ElementwiseConstants& e, std::byte* prepared) {
  ShortCuts cuts{};
  cuts.saturates = saturates(e);
  cuts.in_words = !cuts.saturates && fits_words(e);
  write_short_cuts(cuts, e.epilogue, e.shape.channels, prepared);
}

void run(const ElementwiseArguments& e) {
  switch (e.constants->shape.kind) {
    case Kind::add:
      return run_kind<Kind::add>(e);
    case Kind::multiply:
      return run_kind<Kind::multiply>(e);
    case Kind::divide:
      return run_kind<Kind::divide>(e);
    case Kind::rescale:
      return run_kind<Kind::rescale>(e);
  }
}

}  // namespace elementwise
}  // namespace octavo::kernels::avx512
