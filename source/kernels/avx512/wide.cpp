// Pointwise convolution of 16-bit activations by vpmaddwd: what stands behind a global
// pool, one pixel and many channels. A pair of products is exact: 2 * 32768 * 128 < 2^31.
//
// Packed, for each block of 16 output channels: the bias, then [pair of inputs][channel]
// [2 inputs] as int8, zero behind the last input.
#include "kernels/avx512/epilogue.h"
#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512::wide {
namespace {

constexpr int32_t block = 16;

int32_t pairs_of(const ConvolutionShape& s) {
  return divide_up(s.input_channels, 2);
}

ptrdiff_t block_bytes(const ConvolutionShape& s) {
  return block * (4 + 2 * static_cast<ptrdiff_t>(pairs_of(s)));
}

// B blocks of one pixel: independent sums hide the latency of the products.
template <int B>
void compute(const ConvolutionShape& s, const EpilogueArrays& e, const std::byte* packed,
             const uint8_t* input, const std::byte* residual, std::byte* output, int32_t channel,
             int32_t channel_end) {
  const ptrdiff_t size = block_bytes(s);
  __m512i sum[B];
  unroll<B>([&](auto b) __attribute__((always_inline)) {
    sum[decltype(b)::value] = _mm512_loadu_si512(packed + decltype(b)::value * size);
  });
  const std::byte* weights = packed + block * 4;
  const int32_t pairs = pairs_of(s);
  for (int32_t p = 0; p < pairs; ++p) {
    const __m512i pair = _mm512_set1_epi32(load_dword(input + 4 * static_cast<ptrdiff_t>(p)));
    unroll<B>([&](auto b) __attribute__((always_inline)) {
      constexpr int i = decltype(b)::value;
      const __m512i w = _mm512_cvtepi8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + i * size)));
      sum[i] = _mm512_add_epi32(sum[i], _mm512_madd_epi16(pair, w));
    });
    weights += 2 * block;
  }
  unroll<B>([&](auto b) __attribute__((always_inline)) {
    constexpr int i = decltype(b)::value;
    const int32_t c = channel + i * block;
    finish(e, sum[i], residual, output, c, lanes16(channel_end - c));
  });
}

}  // namespace

bool accepts(const ConvolutionShape& s) {
  return s.input == ElementType::i16 && s.pointwise() && s.groups == 1;
}

size_t packed_bytes(const ConvolutionShape& s) {
  return static_cast<size_t>(divide_up(s.output_channels, block) * block_bytes(s));
}

void pack(const ConvolutionShape& s, const int8_t* weights, const int32_t* bias,
          std::byte* packed) {
  __builtin_memset(packed, 0, packed_bytes(s));
  for (int32_t o = 0; o < s.output_channels; ++o) {
    std::byte* at = packed + o / block * block_bytes(s);
    const int32_t lane = o % block;
    __builtin_memcpy(at + 4 * static_cast<ptrdiff_t>(lane), bias + o, sizeof(int32_t));
    at += block * 4;
    for (int32_t k = 0; k < s.input_channels; ++k) {
      const int8_t w = weights[static_cast<ptrdiff_t>(o) * s.input_channels + k];
      at[(static_cast<ptrdiff_t>(k / 2) * block + lane) * 2 + k % 2] = static_cast<std::byte>(w);
    }
  }
}

size_t scratch_bytes(const ConvolutionShape&, int32_t) {
  return 0;
}

void run(const ConvolutionArguments& a) {
  const ConvolutionShape& s = *a.shape;
  constexpr int32_t at_once = 4;
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; ++x) {
      const uint8_t* input = bytes(a.input.row[r * s.stride_h]) +
                             static_cast<ptrdiff_t>(x) * s.stride_w * a.input.pixel_bytes;
      const std::byte* residual =
          s.has_residual ? a.residual.row[r] + x * a.residual.pixel_bytes : nullptr;
      std::byte* output = a.output.row[r] + x * a.output.pixel_bytes;
      int32_t c = a.channel_begin;
      for (; c + (at_once - 1) * block < a.channel_end; c += at_once * block) {
        compute<at_once>(s, a.epilogue, a.packed + c / block * block_bytes(s), input, residual,
                         output, c, a.channel_end);
      }
      for (; c < a.channel_end; c += block) {
        compute<1>(s, a.epilogue, a.packed + c / block * block_bytes(s), input, residual, output, c,
                   a.channel_end);
      }
    }
  }
}

}  // namespace octavo::kernels::avx512::wide
