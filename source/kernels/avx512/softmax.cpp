// Softmax: exponentials of 32 channels at a time as 16-bit words, looked up by vpermt2w in
// tables that stay in registers, then 16 channels at a time.
#include "kernels/avx512/epilogue.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512::softmax {
namespace {

constexpr int32_t most_channels = 4096;

// 256 words.
struct Table {
  __m512i part[8];

  explicit OCTAVO_INLINE Table(const uint16_t* entries) {
    unroll<8>([&](auto i) __attribute__((always_inline)) {
      part[decltype(i)::value] = _mm512_loadu_si512(entries + 32 * decltype(i)::value);
    });
  }

  // The entries of 32 indices of 8 bits. Above the 6 bits that a lookup takes, two choose one
  // of four.
  OCTAVO_INLINE __m512i at(__m512i index) const {
    const __m512i first = _mm512_permutex2var_epi16(part[0], index, part[1]);
    const __m512i second = _mm512_permutex2var_epi16(part[2], index, part[3]);
    const __m512i third = _mm512_permutex2var_epi16(part[4], index, part[5]);
    const __m512i fourth = _mm512_permutex2var_epi16(part[6], index, part[7]);
    const __mmask32 bit6 = _mm512_test_epi16_mask(index, _mm512_set1_epi16(64));
    const __mmask32 bit7 = _mm512_test_epi16_mask(index, _mm512_set1_epi16(128));
    const __m512i low = _mm512_mask_blend_epi16(bit6, first, second);
    const __m512i high = _mm512_mask_blend_epi16(bit6, third, fourth);
    return _mm512_mask_blend_epi16(bit7, low, high);
  }
};

// (a * b + 2^14) >> 15 of words up to 2^15: the carry out of the low half is
// ((low >> 14) + 1) >> 1.
OCTAVO_INLINE __m512i rounded_product(__m512i a, __m512i b) {
  const __m512i high = _mm512_mulhi_epu16(a, b), low = _mm512_mullo_epi16(a, b);
  const __m512i carry =
      _mm512_srli_epi16(_mm512_add_epi16(_mm512_srli_epi16(low, 14), _mm512_set1_epi16(1)), 1);
  return _mm512_add_epi16(_mm512_slli_epi16(high, 1), carry);
}

OCTAVO_INLINE __m512i load_words(const std::byte* x, bool bytes, int32_t c) {
  if (!bytes) return _mm512_loadu_si512(x + ptrdiff_t{2} * c);
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c)));
}

int32_t largest_of(const std::byte* x, bool bytes, int32_t channels) {
  __m512i largest = _mm512_set1_epi16(INT16_MIN);
  for (int32_t c = 0; c < channels; c += 32) {
    const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
    largest = _mm512_mask_max_epi16(largest, lanes, largest, load_words(x, bytes, c));
  }
  const __m512i low = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(largest));
  const __m512i high = _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(largest, 1));
  return _mm512_reduce_max_epi32(_mm512_max_epi32(low, high));
}

// Stores e[c] of all channels, zeros behind the last, and returns their sum.
template <class Exponential>
OCTAVO_INLINE int32_t sum_of(const std::byte* x, bool bytes, int32_t channels, uint16_t* e,
                             const Exponential& exponential) {
  const __m512i largest = _mm512_set1_epi16(static_cast<int16_t>(largest_of(x, bytes, channels)));
  __m512i sum = _mm512_setzero_si512();
  for (int32_t c = 0; c < channels; c += 32) {
    const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
    const __m512i distance = _mm512_sub_epi16(largest, load_words(x, bytes, c));
    const __m512i words = _mm512_maskz_mov_epi16(lanes, exponential(distance));
    _mm512_store_si512(e + c, words);
    sum = _mm512_add_epi32(sum, _mm512_and_si512(words, _mm512_set1_epi32(0xffff)));
    sum = _mm512_add_epi32(sum, _mm512_srli_epi32(words, 16));
  }
  return _mm512_reduce_add_epi32(sum);  // at most 4096 * 2^15
}

// One: all multipliers are one, and one quotient serves all channels.
template <Activation A, bool One>
OCTAVO_INLINE void store_shares(const NormalizeArguments& n, const uint16_t* exponentials,
                                int32_t sum, std::byte* y) {
  const EpilogueArrays& e = n.epilogue;
  const __m512 divisor = _mm512_set1_ps(static_cast<float>(sum));
  const __m512 shared = _mm512_set1_ps(e.multiplier[0] / static_cast<float>(sum));
  for (int32_t c = 0; c < n.shape->channels; c += 16) {
    const __m512 quotient =
        One ? shared : _mm512_div_ps(_mm512_loadu_ps(e.multiplier + c), divisor);
    const __m512i words = _mm512_cvtepu16_epi32(
        _mm256_load_si256(reinterpret_cast<const __m256i*>(exponentials + c)));
    const __m512 f = _mm512_mul_ps(_mm512_cvtepi32_ps(words), quotient);
    store(e, activate_as<A>(e, f, c), y, c, lanes16(n.shape->channels - c));
  }
}

bool is_one_value(const float* values, int32_t count) {
  for (int32_t c = 1; c < count; ++c)
    if (values[c] != values[0]) return false;
  return true;
}

template <class Exponential>
OCTAVO_INLINE void run_all(const NormalizeArguments& n, bool bytes,
                           const Exponential& exponential) {
  alignas(64) uint16_t e[most_channels];
  const bool one = is_one_value(n.epilogue.multiplier, n.shape->channels);
  with_activation(
      n.epilogue.activation, [&]<Activation A>() __attribute__((always_inline)) {
        for (int32_t r = 0; r < n.rows; ++r)
          for (int32_t column = 0; column < n.width; ++column) {
            const std::byte* x = n.input.row[r] + column * n.input.pixel_bytes;
            std::byte* y = n.output.row[r] + column * n.output.pixel_bytes;
            const int32_t sum = sum_of(x, bytes, n.shape->channels, e, exponential);
            one ? store_shares<A, true>(n, e, sum, y) : store_shares<A, false>(n, e, sum, y);
          }
      });
}

}  // namespace

bool accepts(const NormalizeShape& s) {
  return s.kind == NormalizeShape::Kind::softmax && s.channels <= most_channels &&
         (s.input == ElementType::u8 || s.input == ElementType::i16);
}

void run(const NormalizeArguments& arguments) {
  const NormalizeArguments n = arguments;  // or it is read again after every store
  const Table fine(n.fine);
  if (n.shape->input == ElementType::u8) {  // d >> 8 is 0
    const __m512i one = _mm512_set1_epi16(static_cast<int16_t>(n.coarse[0]));
    return run_all(
        n, true, [&](__m512i distance) __attribute__((always_inline)) {
          return rounded_product(one, fine.at(distance));
        });
  }
  const Table coarse(n.coarse);
  run_all(
      n, false, [&](__m512i distance) __attribute__((always_inline)) {
        const __m512i low = _mm512_and_si512(distance, _mm512_set1_epi16(255));
        return rounded_product(coarse.at(_mm512_srli_epi16(distance, 8)), fine.at(low));
      });
}

}  // namespace octavo::kernels::avx512::softmax
