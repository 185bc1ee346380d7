// Products of two activations by the kernels of bytes and of words.
#include "kernels/avx512/matmul.h"

#include "kernels/avx512/rows.h"

namespace octavo::kernels::avx512 {
namespace {

// The convolutions of bytes and of words as the loops ask for them, and what they pack.
struct Bytes {
  static constexpr bool wide = false;
  static int32_t padded_depth(const ConvolutionShape& s) { return s.input_channels; }
  static constexpr auto column = dense::packed_column;
  static constexpr auto bias = dense::packed_bias;
  static bool accepts(const ConvolutionShape& s) { return s.input == ElementType::u8; }
  static constexpr auto packed_bytes = dense::packed_bytes;
  static constexpr auto prepared_bytes = dense::prepared_bytes;
  static constexpr auto prepare = dense::prepare;
  static constexpr auto scratch_bytes = dense::scratch_bytes;
  static constexpr auto run = dense::run;
};
struct Words {
  static constexpr bool wide = true;
  static int32_t padded_depth(const ConvolutionShape& s) { return s.input_channels; }
  static constexpr auto column = avx512::wide::packed_column;
  static constexpr auto bias = avx512::wide::packed_bias;
  static bool accepts(const ConvolutionShape& s) { return s.input == ElementType::i16; }
  static constexpr auto packed_bytes = avx512::wide::packed_bytes;
  static constexpr auto prepared_bytes = avx512::wide::prepared_bytes;
  static constexpr auto prepare = avx512::wide::prepare;
  static constexpr auto scratch_bytes = avx512::wide::scratch_bytes;
  static constexpr auto run = avx512::wide::run;
};

constexpr FeatureSet vnni = feature::avx512 | feature::avx512vnni;

}  // namespace

constinit const MatMulKernel matmul =
    MatMulLoops<Bytes, Right<Bytes>>::row("avx512vnni_matmul", vnni);
constinit const MatMulKernel matmul_wide =
    MatMulLoops<Words, Right<Words>>::row("avx512vnni_matmul_wide", vnni);

}  // namespace octavo::kernels::avx512
