// Pointwise convolution of 16-bit activations by vpmaddwd: what stands behind a global
// pool, one pixel and many channels. A pair of products is exact: 2 * 32768 * 128 < 2^31.
//
// Packed, for each block of 16 output channels: the bias, then [pair of inputs][channel]
// [2 inputs] as int8, zero behind the last input.
#include "kernels/avx2/epilogue.h"
#include "kernels/avx2/rows.h"

namespace octavo::kernels::avx2::wide {
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
             const std::byte* input, const std::byte* residual, std::byte* output, int32_t channel,
             int32_t channel_end) {
  const ptrdiff_t size = block_bytes(s);
  __m256i sum[B][2];
  unroll<2 * B>([&](auto i) __attribute__((always_inline)) {
    constexpr int b = decltype(i)::value / 2, half = decltype(i)::value % 2;
    sum[b][half] = load(packed + b * size + half * 32);
  });
  const std::byte* weights = packed + block * 4;
  const int32_t pairs = pairs_of(s);
  for (int32_t p = 0; p < pairs; ++p) {
    const __m256i pair = _mm256_set1_epi32(load_dword(input + 4 * static_cast<ptrdiff_t>(p)));
    unroll<2 * B>([&](auto i) __attribute__((always_inline)) {
      constexpr int b = decltype(i)::value / 2, half = decltype(i)::value % 2;
      const __m256i w = _mm256_cvtepi8_epi16(load_half(weights + b * size + half * 16));
      sum[b][half] = _mm256_add_epi32(sum[b][half], _mm256_madd_epi16(pair, w));
    });
    weights += 2 * block;
  }
  alignas(32) int32_t sums[B * block];
  unroll<2 * B>([&](auto i) __attribute__((always_inline)) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums) + decltype(i)::value,
                       sum[decltype(i)::value / 2][decltype(i)::value % 2]);
  });
  with_activation(e.activation, [&]<Activation A>() {
    for (int32_t b = 0; b < B && channel + b * block < channel_end; ++b) {
      const int32_t c = channel + b * block;
      finish<A>(e, sums + b * block, residual, output, c, smaller(block, channel_end - c));
    }
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
  constexpr int32_t at_once = 2;
  for (int32_t r = 0; r < a.output_rows; ++r) {
    for (int32_t x = 0; x < a.output_width; ++x) {
      const std::byte* input = a.input.row[r * s.stride_h] +
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

}  // namespace octavo::kernels::avx2::wide
