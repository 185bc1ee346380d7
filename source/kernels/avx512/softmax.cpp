// Softmax: exponentials looked up in tables that stay in registers, of 16-bit activations 32 at a
// time by vpermt2w, of bytes 64 at a time by vpermt2b; then 16 channels at a time.
#include "kernels/avx512/rows.h"
#include "kernels/avx512/words.h"

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

OCTAVO_INLINE __m512i load_words(const std::byte* x, int32_t c) {
  return _mm512_loadu_si512(x + ptrdiff_t{2} * c);
}

int32_t largest_of(const std::byte* x, int32_t channels) {
  __m512i largest = _mm512_set1_epi16(INT16_MIN);
  for (int32_t c = 0; c < channels; c += 32) {
    const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
    largest = _mm512_mask_max_epi16(largest, lanes, largest, load_words(x, c));
  }
  const __m512i low = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(largest));
  const __m512i high = _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(largest, 1));
  return _mm512_reduce_max_epi32(_mm512_max_epi32(low, high));
}

// Stores e[c] of all channels, zeros behind the last, and returns their sum.
template <class Exponential>
OCTAVO_INLINE int32_t sum_of(const std::byte* x, int32_t channels, uint16_t* e,
                             const Exponential& exponential) {
  const __m512i largest = _mm512_set1_epi16(static_cast<int16_t>(largest_of(x, channels)));
  __m512i sum = _mm512_setzero_si512();
  for (int32_t c = 0; c < channels; c += 32) {
    const auto lanes = static_cast<__mmask32>(lanes64(channels - c));
    const __m512i distance = _mm512_sub_epi16(largest, load_words(x, c));
    const __m512i words = _mm512_maskz_mov_epi16(lanes, exponential(distance));
    _mm512_store_si512(e + c, words);
    sum = _mm512_add_epi32(sum, _mm512_and_si512(words, _mm512_set1_epi32(0xffff)));
    sum = _mm512_add_epi32(sum, _mm512_srli_epi32(words, 16));
  }
  return _mm512_reduce_add_epi32(sum);  // at most 4096 * 2^15
}

// Exponentials of bytes: d >> 8 is 0, A[0] is 2^15, and e therefore B[d]. Low and high bytes of the
// 256 words apart.
struct ByteTable {
  __m512i low[4], high[4];

  explicit OCTAVO_INLINE ByteTable(const uint16_t* entries) {
    unroll<4>([&](auto i4) __attribute__((always_inline)) {
      constexpr int i = decltype(i4)::value;
      const __m512i first = _mm512_loadu_si512(entries + 64 * i);
      const __m512i second = _mm512_loadu_si512(entries + 64 * i + 32);
      low[i] = join(_mm512_cvtepi16_epi8(first), _mm512_cvtepi16_epi8(second));
      high[i] = join(_mm512_cvtepi16_epi8(_mm512_srli_epi16(first, 8)),
                     _mm512_cvtepi16_epi8(_mm512_srli_epi16(second, 8)));
    });
  }
  static OCTAVO_INLINE __m512i join(__m256i low, __m256i high) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  static OCTAVO_INLINE __m512i at(const __m512i (&part)[4], __m512i index) {
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index),
                                  _mm512_permutex2var_epi8(part[0], index, part[1]),
                                  _mm512_permutex2var_epi8(part[2], index, part[3]));
  }
};

OCTAVO_INLINE __m512i largest_byte(const std::byte* x, int32_t channels) {
  __m512i largest = _mm512_setzero_si512();
  for (int32_t c = 0; c < channels; c += 64)
    largest = _mm512_max_epu8(largest, _mm512_maskz_loadu_epi8(lanes64(channels - c), x + c));
  const __m256i half =
      _mm256_max_epu8(_mm512_castsi512_si256(largest), _mm512_extracti64x4_epi64(largest, 1));
  __m128i most = _mm_max_epu8(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  // The largest of 8 words is 65535 less the smallest of their complements.
  most = _mm_max_epu8(most, _mm_srli_epi16(most, 8));
  const __m128i words = _mm_and_si128(most, _mm_set1_epi16(255));
  const __m128i smallest = _mm_minpos_epu16(_mm_xor_si128(words, _mm_set1_epi16(-1)));
  return _mm512_broadcastb_epi8(_mm_xor_si128(smallest, _mm_set1_epi16(-1)));
}

// As sum_of.
OCTAVO_INLINE int32_t sum_of_bytes(const std::byte* x, int32_t channels, uint16_t* e,
                                   const ByteTable& table) {
  const __m512i largest = largest_byte(x, channels), zero = _mm512_setzero_si512();
  __m512i low_sum = zero, high_sum = zero;
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  for (int32_t c = 0; c < channels; c += 64) {
    const __mmask64 lanes = lanes64(channels - c);
    const __m512i distance = _mm512_sub_epi8(largest, _mm512_maskz_loadu_epi8(lanes, x + c));
    const __m512i low = _mm512_maskz_mov_epi8(lanes, ByteTable::at(table.low, distance));
    const __m512i high = _mm512_maskz_mov_epi8(lanes, ByteTable::at(table.high, distance));
    low_sum = _mm512_add_epi64(low_sum, _mm512_sad_epu8(low, zero));
    high_sum = _mm512_add_epi64(high_sum, _mm512_sad_epu8(high, zero));
    const __m512i a = _mm512_unpacklo_epi8(low, high), b = _mm512_unpackhi_epi8(low, high);
    _mm512_store_si512(e + c, _mm512_permutex2var_epi64(a, first, b));
    _mm512_store_si512(e + c + 32, _mm512_permutex2var_epi64(a, second, b));
  }
  const __m512i sum = _mm512_add_epi64(low_sum, _mm512_slli_epi64(high_sum, 8));
  return static_cast<int32_t>(_mm512_reduce_add_epi64(sum));
}

// How shares are stored: by one quotient where all multipliers are one, and with the clamp in
// 16 bits where that is the same.
struct Shares {
  const NormalizeConstants& n;
  bool one_multiplier;
  const WordLimits* limits;  // null where the clamp is not done in 16 bits

  template <bool One>
  OCTAVO_INLINE __m512 value(const uint16_t* exponentials, __m512 sum, __m512 shared,
                             int32_t c) const {
    const __m512 quotient =
        One ? shared : _mm512_div_ps(_mm512_loadu_ps(n.epilogue.multiplier + c), sum);
    const __m512i words = _mm512_cvtepu16_epi32(
        _mm256_load_si256(reinterpret_cast<const __m256i*>(exponentials + c)));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(words), quotient);
  }

  template <Activation A, bool One>
  OCTAVO_INLINE void store_as(const uint16_t* exponentials, int32_t total, std::byte* y) const {
    const EpilogueArrays& e = n.epilogue;
    const int32_t channels = n.shape.channels;
    const __m512 sum = _mm512_set1_ps(static_cast<float>(total));
    const __m512 shared = _mm512_set1_ps(e.multiplier[0] / static_cast<float>(total));
    if (limits == nullptr) {
      for (int32_t c = 0; c < channels; c += 16)
        store(e, activate_as<A>(e, value<One>(exponentials, sum, shared, c), c), y, c,
              lanes16(channels - c));
      return;
    }
    for (int32_t c = 0; c < channels; c += 32) {
      const int32_t next = c + 16 < channels ? c + 16 : c;
      store_words(
          limits[c / 32], e.output, activate_as<A>(e, value<One>(exponentials, sum, shared, c), c),
          activate_as<A>(e, value<One>(exponentials, sum, shared, next), next), y, c, channels - c);
    }
  }

  template <Activation A>
  OCTAVO_INLINE void store_pixel(const uint16_t* exponentials, int32_t total, std::byte* y) const {
    one_multiplier ? store_as<A, true>(exponentials, total, y)
                   : store_as<A, false>(exponentials, total, y);
  }
};

// sum_pixel(x, e) stores the exponentials of a pixel and returns their sum.
template <class SumPixel>
OCTAVO_INLINE void run_all(const NormalizeArguments& arguments, const NormalizeConstants& n,
                           const SumPixel& sum_pixel) {
  alignas(64) uint16_t e[most_channels];
  const ShortCuts& cuts = short_cuts_of(n.prepared);
  const Shares shares{n, cuts.one_multiplier, cuts.in_words ? cuts.limits() : nullptr};
  with_activation(
      n.epilogue.activation, [&]<Activation A>() __attribute__((always_inline)) {
        for (int32_t r = 0; r < arguments.rows; ++r)
          for (int32_t column = 0; column < arguments.width; ++column) {
            const int32_t sum =
                sum_pixel(arguments.input.row[r] + column * arguments.input.pixel_bytes, e);
            shares.template store_pixel<A>(
                e, sum, arguments.output.row[r] + column * arguments.output.pixel_bytes);
          }
      });
}

void run_bytes(const NormalizeArguments& arguments) {
  const NormalizeConstants n = *arguments.constants;  // or they are read after every store
  const ByteTable table(n.fine);
  run_all(
      arguments, n, [&](const std::byte* x, uint16_t* e) __attribute__((always_inline)) {
        return sum_of_bytes(x, n.shape.channels, e, table);
      });
}

void run_words(const NormalizeArguments& arguments) {
  const NormalizeConstants n = *arguments.constants;
  const Table coarse(n.coarse), fine(n.fine);
  run_all(
      arguments, n, [&](const std::byte* x, uint16_t* e) __attribute__((always_inline)) {
        return sum_of(
            x, n.shape.channels, e, [&](__m512i d) __attribute__((always_inline)) {
              const __m512i low = _mm512_and_si512(d, _mm512_set1_epi16(255));
              return rounded_product(coarse.at(_mm512_srli_epi16(d, 8)), fine.at(low));
            });
      });
}

}  // namespace

bool accepts(const NormalizeShape& s) {
  return s.kind == NormalizeShape::Kind::softmax && s.channels <= most_channels &&
         (s.input == ElementType::u8 || s.input == ElementType::i16);
}

size_t prepared_bytes(const NormalizeShape& s) {
  return short_cuts_bytes(s.channels);
}

// A share is at most 1, and f little more than its multiplier.
void prepare(const NormalizeConstants& n, std::byte* prepared) {
  const int32_t channels = n.shape.channels;
  ShortCuts cuts{};
  cuts.one_multiplier = is_one_value(n.epilogue.multiplier, channels);
  cuts.in_words = activation_fits(n.epilogue, channels) &&
                  are_within(n.epilogue.multiplier, channels, 268435456.0f);
  write_short_cuts(cuts, n.epilogue, channels, prepared);
}

void run(const NormalizeArguments& n) {
  n.constants->shape.input == ElementType::u8 ? run_bytes(n) : run_words(n);
}

}  // namespace octavo::kernels::avx512::softmax
