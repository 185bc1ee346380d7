// Pools, 64 bytes of channels at a time. Sums of bytes are 16-bit integers that are widened before
// they can overflow; a global average is one large window.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"

namespace octavo::kernels::avx512 {
namespace {

constexpr int32_t most_in_words = 257;  // 257 * 255 fits in 16 bits

// What pixels come to: add(pixel) and merge(other) collect values of `channels` channels.
struct LargestBytes {
  static constexpr int32_t channels = 64, element = 1;
  __m512i value = _mm512_setzero_si512();

  OCTAVO_INLINE void merge(const LargestBytes& x) { value = _mm512_max_epu8(value, x.value); }
  OCTAVO_INLINE void add(const std::byte* pixel) { merge({_mm512_loadu_si512(pixel)}); }
  OCTAVO_INLINE void store(std::byte* output, int32_t count) const {
    if (count >= channels) return _mm512_storeu_si512(output, value);
    _mm512_mask_storeu_epi8(output, lanes64(count), value);
  }
};

struct LargestWords {
  static constexpr int32_t channels = 32, element = 2;
  __m512i value = _mm512_set1_epi16(INT16_MIN);

  OCTAVO_INLINE void merge(const LargestWords& x) { value = _mm512_max_epi16(value, x.value); }
  OCTAVO_INLINE void add(const std::byte* pixel) { merge({_mm512_loadu_si512(pixel)}); }
  OCTAVO_INLINE void store(std::byte* output, int32_t count) const {
    if (count >= channels) return _mm512_storeu_si512(output, value);
    _mm512_mask_storeu_epi16(output, static_cast<__mmask32>(lanes64(count)), value);
  }
};

// Of at most most_in_words pixels.
struct SumOfFewBytes {
  static constexpr int32_t channels = 64, element = 1;
  __m512i words[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};

  OCTAVO_INLINE void merge(const SumOfFewBytes& x) {
    words[0] = _mm512_add_epi16(words[0], x.words[0]);
    words[1] = _mm512_add_epi16(words[1], x.words[1]);
  }
  OCTAVO_INLINE void add(const std::byte* pixel) {
    const auto* from = reinterpret_cast<const __m256i*>(pixel);
    merge({{_mm512_cvtepu8_epi16(_mm256_loadu_si256(from)),
            _mm512_cvtepu8_epi16(_mm256_loadu_si256(from + 1))}});
  }
  // Of 32 channels.
  OCTAVO_INLINE Halves sums(int part) const { return Halves::of_unsigned_words(words[part]); }
};

struct SumOfBytes {
  static constexpr int32_t channels = 64, element = 1;
  SumOfFewBytes few;
  int32_t pixels = 0;
  Halves many[2] = {};

  OCTAVO_INLINE void add(const std::byte* pixel) {
    few.add(pixel);
    if (++pixels < most_in_words) return;
    for (int part = 0; part < 2; ++part) many[part] = sums(part);
    few = {};
    pixels = 0;
  }
  OCTAVO_INLINE Halves sums(int part) const { return many[part] + few.sums(part); }
};

struct SumOfWords {
  static constexpr int32_t channels = 32, element = 2;
  Halves all = {};

  OCTAVO_INLINE void merge(const SumOfWords& x) { all = all + x.all; }
  OCTAVO_INLINE void add(const std::byte* pixel) {
    all = all + Halves::of_words(_mm512_loadu_si512(pixel));
  }
  OCTAVO_INLINE Halves sums(int) const { return all; }
};

// The rows of the windows of an output row, at the first of some channels.
struct Rows {
  const std::byte* const* row;
  int32_t count;
  ptrdiff_t offset, pixel_bytes;

  // All pixels of the columns [begin, end).
  template <class Value>
  OCTAVO_INLINE Value collect(int32_t begin, int32_t end) const {
    Value value;
    const ptrdiff_t from = offset + begin * pixel_bytes;
    if (count == 3 && end - begin == 3) {  // most windows: straight code is twice as fast
      unroll<9>([&](auto i) __attribute__((always_inline)) {
        constexpr int y = decltype(i)::value / 3, x = decltype(i)::value % 3;
        value.add(row[y] + from + x * pixel_bytes);
      });
      return value;
    }
    for (int32_t y = 0; y < count; ++y) {
      const std::byte* pixel = row[y] + from;
      for (int32_t x = begin; x < end; ++x, pixel += pixel_bytes) value.add(pixel);
    }
    return value;
  }
};

// finish(r, x, value, output) for every window, a block of channels at a time.
template <class Value, class Finish>
OCTAVO_INLINE void each_window(const PoolArguments& a, int32_t c, const Finish& finish) {
  const PoolConstants& k = *a.constants;
  for (int32_t r = 0; r < a.output_rows; ++r) {
    const int32_t top = a.row_begin[r];
    const Rows rows = {a.input.row + top, a.row_end[r] - top, ptrdiff_t{Value::element} * c,
                       a.input.pixel_bytes};
    for (int32_t x = 0; x < a.output_width; ++x)
      finish(r, x, rows.collect<Value>(k.column_begin[x], k.column_end[x]),
             a.output.row[r] + x * a.output.pixel_bytes);
  }
}

template <class Value>
void maximum(const PoolArguments& given) {
  const PoolArguments a = given;  // or it is read again after every store
  for (int32_t c = a.channel_begin; c < a.channel_end; c += Value::channels)
    each_window<Value>(a, c,
                       [&](int32_t, int32_t, const Value& value, std::byte* output)
                           __attribute__((always_inline)) {
                             value.store(output + ptrdiff_t{Value::element} * c, a.channel_end - c);
                           });
}

// What windows of one size share: the zero points of all their pixels, and what divides them.
template <int Parts>
struct Divisor {
  int32_t pixels = 0, count = 0;
  Halves zeros[Parts];
  __m512 reciprocal;

  // All pixels of a window, and those that it is divided by.
  OCTAVO_INLINE void set(int32_t new_pixels, int32_t new_count, const Halves (&zero)[Parts]) {
    if (new_count != count) {
      count = new_count;
      reciprocal = _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_set1_ps(static_cast<float>(count)));
    }
    if (new_pixels == pixels) return;
    pixels = new_pixels;
    unroll<Parts>([&](auto part) __attribute__((always_inline)) {
      constexpr int i = decltype(part)::value;
      zeros[i] = {_mm512_mullo_epi32(zero[i].first, _mm512_set1_epi32(pixels)),
                  _mm512_mullo_epi32(zero[i].last, _mm512_set1_epi32(pixels))};
    });
  }
};

// A block of channels.
template <class Value, class Epilogue>
void average(const PoolArguments& given, int32_t c) {
  const PoolArguments a = given;  // or it is read again after every store
  const EpilogueArrays& e = a.constants->epilogue;
  constexpr int parts = Value::channels / 32;
  // Where a part has no channels, those of the first.
  const auto channel = [&](int part) { return c + 32 * part < a.channel_end ? c + 32 * part : c; };
  Halves zero[parts];
  unroll<parts>([&](auto part) __attribute__((always_inline)) {
    const int32_t at = channel(decltype(part)::value);
    zero[decltype(part)::value] =
        Halves::load(a.constants->input_zero, at, at + 16 < a.channel_end ? at + 16 : at);
  });
  const Epilogue epilogues[2] = {{e, channel(0), a.channel_end - channel(0)},
                                 {e, channel(parts - 1), a.channel_end - channel(parts - 1)}};
  Divisor<parts> divisor;
  each_window<Value>(
      a, c,
      [&](int32_t r, int32_t x, const Value& value, std::byte* output)
          __attribute__((always_inline)) {
            const PoolConstants& k = *a.constants;
            divisor.set((a.row_end[r] - a.row_begin[r]) * (k.column_end[x] - k.column_begin[x]),
                        a.row_count[r] * k.column_count[x], zero);
            unroll<parts>([&](auto part) __attribute__((always_inline)) {
              constexpr int i = decltype(part)::value;
              if (c + 32 * i >= a.channel_end) return;
              const Pair f = epilogues[i].scaled(value.sums(i) - divisor.zeros[i]);
              epilogues[i].store({_mm512_mul_ps(f.first, divisor.reciprocal),
                                  _mm512_mul_ps(f.second, divisor.reciprocal)},
                                 output);
            });
          });
}

// Whether |f| stays below 2^30 and a clamp is all that comes behind it, for these channels: no
// average exceeds 65535 in magnitude.
bool average_ends_in_words(const EpilogueArrays& e, int32_t begin, int32_t end) {
  if (e.activation != Activation::none || e.output == ElementType::f32) return false;
  for (int32_t c = begin; c < end; c += 16) {
    const __mmask16 ok = _mm512_cmp_ps_mask(_mm512_abs_ps(_mm512_loadu_ps(e.multiplier + c)),
                                            _mm512_set1_ps(8192.0f), _CMP_LE_OQ);
    const __mmask16 lanes = lanes16(end - c);
    if ((ok & lanes) != lanes) return false;
  }
  return true;
}

template <class Value>
void average(const PoolArguments& a) {
  for (int32_t c = a.channel_begin; c < a.channel_end; c += Value::channels) {
    const int32_t end = smaller(c + Value::channels, a.channel_end);
    if (average_ends_in_words(a.constants->epilogue, c, end)) {
      average<Value, WordEpilogue<Activation::none>>(a, c);
      continue;
    }
    with_activation(a.constants->epilogue.activation,
                    [&]<Activation A>() { average<Value, AnyEpilogue<A>>(a, c); });
  }
}

int32_t largest_window(const PoolArguments& a) {
  int32_t rows = 0, columns = 0;
  for (int32_t r = 0; r < a.output_rows; ++r) rows = larger(rows, a.row_end[r] - a.row_begin[r]);
  for (int32_t x = 0; x < a.output_width; ++x)
    columns = larger(columns, a.constants->column_end[x] - a.constants->column_begin[x]);
  return rows <= most_in_words && columns <= most_in_words ? rows * columns : most_in_words + 1;
}

}  // namespace

namespace pool {

bool accepts(const PoolShape& s) {
  return s.input == ElementType::u8 || s.input == ElementType::i16;
}

void run(const PoolArguments& a) {
  const bool bytes = a.constants->shape.input == ElementType::u8;
  if (a.constants->shape.kind == PoolStep::Kind::maximum)
    return bytes ? maximum<LargestBytes>(a) : maximum<LargestWords>(a);
  if (!bytes) return average<SumOfWords>(a);
  largest_window(a) <= most_in_words ? average<SumOfFewBytes>(a) : average<SumOfBytes>(a);
}

}  // namespace pool
}  // namespace octavo::kernels::avx512
