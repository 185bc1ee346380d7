// Pools. Maximum: 32 bytes at a time. Average: sums of 16 channels, of bytes as 16-bit
// integers that are widened before they can overflow; a global average is one large window.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2 {
namespace {

// One window: `rows` by `columns` counted pixels, the first at row[0] + offset.
struct Window {
  const std::byte* const* row;
  ptrdiff_t offset, pixel_bytes;
  int32_t rows, columns;

  OCTAVO_INLINE const std::byte* pixel(int32_t y, int32_t x) const {
    return row[y] + offset + x * pixel_bytes;
  }
};

Window window_of(const PoolArguments& a, int32_t r, int32_t x) {
  const int32_t top = a.row_begin[r], left = a.constants->column_begin[x];
  return {a.input.row + top, left * a.input.pixel_bytes, a.input.pixel_bytes, a.row_end[r] - top,
          a.constants->column_end[x] - left};
}

void maximum(const Window& w, int32_t begin, int32_t end, std::byte* output) {
  for (int32_t c = begin; c < end; c += 32) {
    __m256i largest = _mm256_setzero_si256();
    for (int32_t y = 0; y < w.rows; ++y)
      for (int32_t x = 0; x < w.columns; ++x)
        largest = _mm256_max_epu8(largest, load(w.pixel(y, x) + c));
    alignas(32) std::byte stored[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(stored), largest);
    __builtin_memcpy(output + c, stored, static_cast<size_t>(smaller(end - c, 32)));
  }
}

void maximum_of_words(const Window& w, int32_t begin, int32_t end, std::byte* output) {
  for (int32_t c = begin; c < end; c += 16) {
    __m256i largest = _mm256_set1_epi16(INT16_MIN);
    for (int32_t y = 0; y < w.rows; ++y)
      for (int32_t x = 0; x < w.columns; ++x)
        largest = _mm256_max_epi16(largest, load(w.pixel(y, x) + ptrdiff_t{2} * c));
    alignas(32) std::byte stored[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(stored), largest);
    __builtin_memcpy(output + ptrdiff_t{2} * c, stored,
                     2 * static_cast<size_t>(smaller(end - c, 16)));
  }
}

// Sums of stored values of the channels c .. c + 15.
struct Sums {
  __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
};

Sums sum_window(const Window& w, int32_t c) {
  constexpr int32_t most = 257;  // 257 * 255 fits in 16 bits
  Sums sums;
  __m256i words = _mm256_setzero_si256();
  int32_t pixels = 0;
  const auto widen = [&] {
    sums.low = _mm256_add_epi32(sums.low, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(words)));
    sums.high =
        _mm256_add_epi32(sums.high, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(words, 1)));
    words = _mm256_setzero_si256();
    pixels = 0;
  };
  for (int32_t y = 0; y < w.rows; ++y)
    for (int32_t x = 0; x < w.columns; ++x) {
      words = _mm256_add_epi16(words, _mm256_cvtepu8_epi16(load_half(w.pixel(y, x) + c)));
      if (++pixels == most) widen();
    }
  widen();
  return sums;
}

Sums sum_window_of_words(const Window& w, int32_t c) {
  Sums sums;
  for (int32_t y = 0; y < w.rows; ++y)
    for (int32_t x = 0; x < w.columns; ++x) {
      const __m256i words = load(w.pixel(y, x) + ptrdiff_t{2} * c);
      sums.low = _mm256_add_epi32(sums.low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(words)));
      sums.high =
          _mm256_add_epi32(sums.high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(words, 1)));
    }
  return sums;
}

// From the sum of stored values of 8 channels to the stored average.
void finish_average(const PoolArguments& a, __m256i sum, int32_t pixels, __m256 reciprocal,
                    std::byte* output, int32_t c) {
  const EpilogueArrays& e = a.constants->epilogue;
  const __m256i zeros =
      _mm256_mullo_epi32(load(a.constants->input_zero + c), _mm256_set1_epi32(pixels));
  const __m256 real = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, zeros));
  const __m256 f =
      _mm256_mul_ps(_mm256_mul_ps(real, _mm256_loadu_ps(e.multiplier + c)), reciprocal);
  store(e, activate(e, f, c), output, c, a.channel_end - c);
}

void average(const PoolArguments& a, const Window& w, int32_t count, std::byte* output) {
  const __m256 reciprocal =
      _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_set1_ps(static_cast<float>(count)));
  const int32_t pixels = w.rows * w.columns;
  for (int32_t c = a.channel_begin; c < a.channel_end; c += 16) {
    const Sums sums =
        a.constants->shape.input == ElementType::u8 ? sum_window(w, c) : sum_window_of_words(w, c);
    finish_average(a, sums.low, pixels, reciprocal, output, c);
    if (c + 8 < a.channel_end) finish_average(a, sums.high, pixels, reciprocal, output, c + 8);
  }
}

}  // namespace

namespace pool {

bool accepts(const PoolShape& s) {
  return is_activation(s.input);
}

void run(const PoolArguments& a) {
  for (int32_t r = 0; r < a.output_rows; ++r)
    for (int32_t x = 0; x < a.output_width; ++x) {
      const Window window = window_of(a, r, x);
      std::byte* output = a.output.row[r] + x * a.output.pixel_bytes;
      if (a.constants->shape.kind == PoolStep::Kind::average)
        average(a, window, a.row_count[r] * a.constants->column_count[x], output);
      else if (a.constants->shape.input == ElementType::u8)
        maximum(window, a.channel_begin, a.channel_end, output);
      else
        maximum_of_words(window, a.channel_begin, a.channel_end, output);
    }
}

}  // namespace pool
}  // namespace octavo::kernels::avx2
