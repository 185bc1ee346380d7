// The product of two activations: a pointwise convolution whose weights are packed anew
// for each row. The zero point of `a` goes into the bias, minus itself times the sum of a
// column of b.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"
#include "kernels/scratch.h"

namespace octavo::kernels::avx2::matmul {
namespace {

// The right operand of one row as it is stored.
struct Right {
  const std::byte* values;
  ptrdiff_t pixel_bytes;
  int32_t depth, channels;
};

// [8 columns][2 of the depth] from index k on; values beyond the depth 0.
OCTAVO_INLINE __m128i plain_pair(const Right& b, int32_t k, int32_t c) {
  const auto row = [&](int32_t i) __attribute__((always_inline)) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(b.values + i * b.pixel_bytes + c));
  };
  return _mm_unpacklo_epi8(row(k), k + 1 < b.depth ? row(k + 1) : _mm_setzero_si128());
}

// Eight pairs, from 16 bytes of each of 8 columns: a transposition of 8 x 8 words.
struct Pairs {
  __m128i at[8];
};
OCTAVO_INLINE Pairs transposed_pairs(const Right& b, int32_t k, int32_t c) {
  __m128i x[8], y[8];
  unroll<8>([&](auto i) __attribute__((always_inline)) {
    const int32_t existing = smaller(c + decltype(i)::value, b.channels - 1);
    x[decltype(i)::value] = load_half(b.values + existing * b.pixel_bytes + k);
  });
  unroll<4>([&](auto i4) __attribute__((always_inline)) {
    constexpr int i = decltype(i4)::value;
    y[2 * i] = _mm_unpacklo_epi16(x[2 * i], x[2 * i + 1]);
    y[2 * i + 1] = _mm_unpackhi_epi16(x[2 * i], x[2 * i + 1]);
  });
  unroll<2>([&](auto i2) __attribute__((always_inline)) {
    constexpr int i = 4 * decltype(i2)::value;
    x[i] = _mm_unpacklo_epi32(y[i], y[i + 2]);
    x[i + 1] = _mm_unpackhi_epi32(y[i], y[i + 2]);
    x[i + 2] = _mm_unpacklo_epi32(y[i + 1], y[i + 3]);
    x[i + 3] = _mm_unpackhi_epi32(y[i + 1], y[i + 3]);
  });
  Pairs pairs;
  unroll<4>([&](auto i4) __attribute__((always_inline)) {
    constexpr int i = decltype(i4)::value;
    pairs.at[2 * i] = _mm_unpacklo_epi64(x[i], x[i + 4]);
    pairs.at[2 * i + 1] = _mm_unpackhi_epi64(x[i], x[i + 4]);
  });
  return pairs;
}

// Stores a pair where dense.cpp looks for it and adds it to the columns' sums.
OCTAVO_INLINE __m256i save_pair(std::byte* column, int32_t pair, __m128i values, __m256i sum) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(column + static_cast<ptrdiff_t>(pair) * 16), values);
  return dot(sum, _mm256_cvtepi8_epi16(values), _mm256_set1_epi16(1));
}

// The columns c .. c + 7; returns their sums.
__m256i pack_plain(const Right& b, int32_t c, std::byte* column) {
  __m256i sum = _mm256_setzero_si256();
  for (int32_t k = 0; k < b.depth; k += 2) {
    sum = save_pair(column, k / 2, plain_pair(b, k, c), sum);
  }
  return sum;
}

__m256i pack_transposed(const Right& b, int32_t c, std::byte* column) {
  __m256i sum = _mm256_setzero_si256();
  for (int32_t k = 0; k < b.depth; k += 16) {
    const Pairs pairs = transposed_pairs(b, k, c);
    unroll<8>([&](auto i) __attribute__((always_inline)) {
      const int32_t first = k + 2 * decltype(i)::value;
      if (first >= b.depth) return;
      __m128i values = pairs.at[decltype(i)::value];
      if (first + 1 == b.depth) values = _mm_and_si128(values, _mm_set1_epi16(255));
      sum = save_pair(column, first / 2, values, sum);
    });
  }
  return sum;
}

void pack(const MatMulArguments& m, int32_t r, const ConvolutionShape& s, std::byte* packed) {
  const Right b{m.b.row[r], m.b.pixel_bytes, m.shape->depth, m.shape->channels};
  const __m256i zero = _mm256_set1_epi32(-m.a_zero);
  for (int32_t c = 0; c < b.channels; c += 8) {
    std::byte* column = dense::packed_column(s, c / 8, packed);
    const __m256i sum =
        m.shape->transpose_b ? pack_transposed(b, c, column) : pack_plain(b, c, column);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dense::packed_bias(c / 8, packed)),
                        _mm256_mullo_epi32(sum, zero));
  }
}

// Of one row: `width` pixels and all channels.
ConvolutionShape convolution_of(const MatMulShape& m) {
  ConvolutionShape s{};
  s.input_channels = m.depth;
  s.output_channels = m.channels;
  s.groups = s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = 1;
  s.input = m.a;
  s.output = m.output;
  s.activation = m.activation;
  s.has_residual = m.has_residual;
  return s;
}

size_t packed_bytes(const ConvolutionShape& s) {
  return (dense::packed_bytes(s) + slack_bytes + 63) / 64 * 64;
}

// The parts of the scratch: the packed right operand, and the convolution's own.
struct Room {
  std::byte *packed, *convolution;
};

Room take_room(const ConvolutionShape& s, int32_t width, Scratch& scratch) {
  Room room{};
  room.packed = scratch.take<std::byte>(static_cast<int64_t>(packed_bytes(s)));
  room.convolution = scratch.take<std::byte>(static_cast<int64_t>(dense::scratch_bytes(s, width)));
  return room;
}

}  // namespace

bool accepts(const MatMulShape& s) {
  return is_activation(s.a);
}

size_t scratch_bytes(const MatMulShape& m, int32_t width) {
  Scratch scratch;
  take_room(convolution_of(m), width, scratch);
  return scratch.bytes();
}

void run(const MatMulArguments& m) {
  const ConvolutionShape s = convolution_of(*m.shape);
  Scratch scratch(m.scratch);
  const Room room = take_room(s, m.width, scratch);
  ConvolutionArguments a{};
  a.shape = &s;
  a.packed = room.packed;
  a.scratch = room.convolution;
  a.epilogue = m.epilogue;
  a.output_rows = 1;
  a.output_width = m.width;
  a.channel_end = s.output_channels;
  for (int32_t r = 0; r < m.rows; ++r) {
    a.input = {m.a.row + r, m.a.pixel_bytes};
    a.output = {m.output.row + r, m.output.pixel_bytes};
    if (s.has_residual) a.residual = {m.residual.row + r, m.residual.pixel_bytes};
    pack(m, r, s, room.packed);
    dense::run(a);
  }
}

}  // namespace octavo::kernels::avx2::matmul
