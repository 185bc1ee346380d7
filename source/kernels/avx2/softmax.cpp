// Softmax: exponentials of 8 channels at a time, looked up by gathers. Two of them: by tables of 15
// bits, and of bytes by one of 30.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2::softmax {
namespace {

constexpr int32_t most_channels = 4096;

// Entries of a table of words; the word behind the last is read with it.
OCTAVO_INLINE __m256i look_up(const uint16_t* table, __m256i index) {
  return _mm256_and_si256(_mm256_i32gather_epi32(reinterpret_cast<const int*>(table), index, 2),
                          _mm256_set1_epi32(0xffff));
}

template <ElementType T>
OCTAVO_INLINE __m256i exponential(const NormalizeConstants& n, __m256i distance) {
  const __m256i coarse = T == ElementType::u8
                             ? _mm256_set1_epi32(n.coarse[0])  // a byte's distance is below 256
                             : look_up(n.coarse, _mm256_srli_epi32(distance, 8));
  const __m256i fine = look_up(n.fine, _mm256_and_si256(distance, _mm256_set1_epi32(255)));
  const __m256i product = _mm256_mullo_epi32(coarse, fine);  // at most 2^30
  return _mm256_srli_epi32(_mm256_add_epi32(product, _mm256_set1_epi32(1 << 14)), 15);
}

// The first `count` of 8 lanes.
OCTAVO_INLINE __m256i mask_of(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

template <ElementType T>
int32_t largest_of(const std::byte* x, int32_t channels) {
  const __m256i least = _mm256_set1_epi32(INT16_MIN);
  __m256i largest = least;
  for (int32_t c = 0; c < channels; c += 8)
    largest = _mm256_max_epi32(
        largest, _mm256_blendv_epi8(least, load_stored(x, T, c), mask_of(channels - c)));
  alignas(32) int32_t all[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(all), largest);
  int32_t result = all[0];
  for (const int32_t value : all) result = larger(result, value);
  return result;
}

// Stores e[c] of all channels and returns their sum, at most 4096 * 2^15.
template <ElementType T>
int32_t sum_of(const NormalizeConstants& n, const std::byte* x, int32_t* e) {
  const int32_t channels = n.shape.channels;
  const __m256i largest = _mm256_set1_epi32(largest_of<T>(x, channels));
  __m256i sum = _mm256_setzero_si256();
  for (int32_t c = 0; c < channels; c += 8) {
    const __m256i mask = mask_of(channels - c);
    // Masked, for what lies behind the last channel may be larger than the largest.
    const __m256i distance =
        _mm256_and_si256(_mm256_sub_epi32(largest, load_stored(x, T, c)), mask);
    const __m256i values = _mm256_and_si256(exponential<T>(n, distance), mask);
    _mm256_store_si256(reinterpret_cast<__m256i*>(e + c), values);
    sum = _mm256_add_epi32(sum, values);
  }
  alignas(32) int32_t all[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(all), sum);
  int32_t result = 0;
  for (const int32_t value : all) result += value;
  return result;
}

// By the table of 30 bits; a byte's distance is below 256. Their sum is at most 4096 * 2^30.
int64_t long_sum_of(const NormalizeConstants& n, const std::byte* x, int32_t* e) {
  constexpr ElementType u8 = ElementType::u8;
  const int32_t channels = n.shape.channels;
  const __m256i largest = _mm256_set1_epi32(largest_of<u8>(x, channels));
  const __m256i low_half = _mm256_set1_epi64x(0xffffffff);
  const int* table = reinterpret_cast<const int*>(n.long_fine);
  __m256i sum = _mm256_setzero_si256();
  for (int32_t c = 0; c < channels; c += 8) {
    const __m256i mask = mask_of(channels - c);
    const __m256i distance =
        _mm256_and_si256(_mm256_sub_epi32(largest, load_stored(x, u8, c)), mask);
    const __m256i values = _mm256_and_si256(_mm256_i32gather_epi32(table, distance, 4), mask);
    _mm256_store_si256(reinterpret_cast<__m256i*>(e + c), values);
    sum = _mm256_add_epi64(sum, _mm256_and_si256(values, low_half));
    sum = _mm256_add_epi64(sum, _mm256_srli_epi64(values, 32));
  }
  alignas(32) int64_t all[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(all), sum);
  return all[0] + all[1] + all[2] + all[3];
}

// sum_exponentials(n, x, e): stores e[c] of all channels and returns their sum.
template <auto sum_exponentials>
void run_all(const NormalizeArguments& arguments) {
  const NormalizeConstants n = *arguments.constants;  // or they are read after every store
  const EpilogueArrays& e = n.epilogue;
  const int32_t channels = n.shape.channels;
  alignas(32) int32_t exponentials[most_channels];
  with_activation(e.activation, [&]<Activation A>() {
    for (int32_t r = 0; r < arguments.rows; ++r)
      for (int32_t column = 0; column < arguments.width; ++column) {
        std::byte* y = arguments.output.row[r] + column * arguments.output.pixel_bytes;
        const auto sum = sum_exponentials(
            n, arguments.input.row[r] + column * arguments.input.pixel_bytes, exponentials);
        const __m256 divisor = _mm256_set1_ps(static_cast<float>(sum));
        for (int32_t c = 0; c < channels; c += 8) {
          const __m256 f = _mm256_mul_ps(_mm256_cvtepi32_ps(load(exponentials + c)),
                                         _mm256_div_ps(_mm256_loadu_ps(e.multiplier + c), divisor));
          store(e, activate_as<A>(e, f, c), y, c, channels - c);
        }
      }
  });
}

}  // namespace

bool accepts(const NormalizeShape& s) {
  return s.kind == NormalizeShape::Kind::softmax && is_activation(s.input) &&
         s.channels <= most_channels;
}

void run(const NormalizeArguments& n) {
  n.constants->shape.input == ElementType::u8 ? run_all<sum_of<ElementType::u8>>(n)
                                              : run_all<sum_of<ElementType::i16>>(n);
}

bool accepts_long(const NormalizeShape& s) {
  return s.kind == NormalizeShape::Kind::long_softmax && s.input == ElementType::u8 &&
         s.channels <= most_channels;
}

void run_long(const NormalizeArguments& n) {
  run_all<long_sum_of>(n);
}

}  // namespace octavo::kernels::avx2::softmax
