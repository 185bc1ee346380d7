// The worked example of docs/numerics.md, and its rules one by one, on every kernel
// of the tables that takes the shape and that this machine runs.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/guarded.h"
#include "kernels/kernel.h"
#include "kernels/tile_emulator.h"

namespace octavo::kernels {
namespace {

// One pixel through a 1x1 convolution with one output channel.
struct OnePixel {
  std::vector<uint8_t> x;
  std::vector<int8_t> w;
  int32_t bias = 0;
  Epilogue epilogue;
  int32_t zero = 0;
  ElementType output = ElementType::u8;
  std::vector<uint8_t> residual;
  int32_t residual_zero = 0;
};

template <class T>
T run(const ConvolutionKernel& kernel, const OnePixel& p) {
  ConvolutionShape shape;
  shape.input_channels = int32_t(p.x.size());
  shape.output_channels = 1;
  shape.output = p.output;
  shape.activation = p.epilogue.activation;
  shape.has_residual = !p.residual.empty();
  if (!takes(kernel, shape)) return run<T>(convolution_kernels().back(), p);

  Guarded packed(kernel.packed_bytes(shape) / 64 * 64 + 128);
  kernel.pack(shape, p.w.data(), &p.bias, packed.data());
  Guarded scratch(kernel.scratch_bytes(shape) / 64 * 64 + 64);
  Guarded input(p.x.size() + slack_bytes);
  std::memcpy(input.data(), p.x.data(), p.x.size());
  Guarded residual(p.residual.size() + slack_bytes);
  std::copy(p.residual.begin(), p.residual.end(), reinterpret_cast<uint8_t*>(residual.data()));

  const Epilogue& e = p.epilogue;
  const Guarded m = channel_array<float>(e.multiplier),
                r = channel_array<float>(e.output_multiplier);
  const Guarded mx = channel_array<float>(e.residual_multiplier);
  const Guarded zx = channel_array<int32_t>(std::vector{p.residual_zero});
  const Guarded lo = channel_array<float>(std::vector{e.lo[0] - p.zero});
  const Guarded hi = channel_array<float>(std::vector{e.hi[0] - p.zero});
  const Guarded zero = channel_array<int32_t>(std::vector{p.zero});
  std::vector<int16_t> table = e.table;
  table.resize(128);

  ConvolutionConstants k;
  ConvolutionArguments a;
  k.shape = shape;
  a.constants = &k;
  k.packed = packed.data();
  k.epilogue.activation = e.activation;
  k.epilogue.alpha = e.alpha;
  k.epilogue.beta = e.beta;
  k.epilogue.multiplier = reinterpret_cast<const float*>(m.data());
  k.epilogue.output_multiplier = reinterpret_cast<const float*>(r.data());
  k.epilogue.table = table.data();
  k.epilogue.residual_multiplier = reinterpret_cast<const float*>(mx.data());
  k.epilogue.residual_zero = reinterpret_cast<const int32_t*>(zx.data());
  k.epilogue.lo = reinterpret_cast<const float*>(lo.data());
  k.epilogue.hi = reinterpret_cast<const float*>(hi.data());
  k.epilogue.zero = reinterpret_cast<const int32_t*>(zero.data());
  k.epilogue.output = p.output;
  const std::byte* input_row = input.data();
  const std::byte* residual_row = residual.data();
  T result{};
  std::byte* output_row = reinterpret_cast<std::byte*>(&result);
  a.input = {&input_row, ptrdiff_t(p.x.size())};
  a.residual = {&residual_row, 1};
  a.output = {&output_row, sizeof(T)};
  a.output_rows = a.output_width = a.channel_end = 1;
  a.scratch = scratch.data();
  const Guarded prepared = prepared_by(kernel, k);
  kernel.run(a);
  return result;
}

class EveryConvolution : public testing::TestWithParam<size_t> {
 protected:
  const ConvolutionKernel& kernel() const { return convolution_kernels()[GetParam()]; }
  void SetUp() override {
    if ((kernel().requires_features & ~tested_features()) != 0) {
      GTEST_SKIP() << kernel().name << " cannot run on this machine";
    }
  }
};

// acc = bias, so that a case can name its accumulator.
OnePixel accumulator(int32_t acc, float multiplier) {
  OnePixel p{.x = {0}, .w = {1}, .bias = acc, .epilogue = {}, .residual = {}};
  p.epilogue.multiplier = {multiplier};
  return p;
}

TEST_P(EveryConvolution, WorkedExampleOfThePage) {
  OnePixel p{.x = {12, 200, 131}, .w = {5, -7, 100}, .epilogue = {}, .residual = {}};
  p.bias = int32_t(std::rint(0.5 / 0.0002)) - (5 * 10 - 7 * 128 + 100 * 128);
  ASSERT_EQ(p.bias, -9454);
  p.zero = 8;
  p.epilogue.multiplier = {0.0002f};
  p.epilogue.activation = Activation::hard_swish;
  p.epilogue.alpha = 0.16666667f;
  p.epilogue.beta = 0.5f;
  p.epilogue.output_multiplier = {20.0f};
  EXPECT_EQ(run<uint8_t>(kernel(), p), 13);
}

TEST_P(EveryConvolution, RequantizeRoundsHalfToEven) {
  const int expected[] = {0, 0, 1, 2, 2, 2, 3, 4, 4};
  for (int acc = 0; acc < 9; ++acc) {
    EXPECT_EQ(run<uint8_t>(kernel(), accumulator(acc, 0.5f)), expected[acc]) << acc << " / 2";
  }
  OnePixel p = accumulator(-5, 0.5f);  // -2.5
  p.zero = 100;
  EXPECT_EQ(run<uint8_t>(kernel(), p), 98);
  p.bias = -3;  // -1.5
  EXPECT_EQ(run<uint8_t>(kernel(), p), 98);
}

TEST_P(EveryConvolution, ClampComesBeforeConversion) {
  EXPECT_EQ(run<uint8_t>(kernel(), accumulator(2147483647, 1099511627776.0f)), 255);
  EXPECT_EQ(run<uint8_t>(kernel(), accumulator(-2147483647, 1099511627776.0f)), 0);
  OnePixel p = accumulator(2147483647, 1099511627776.0f);
  p.output = ElementType::i16;
  p.epilogue.lo = {-32767};
  p.epilogue.hi = {32767};
  EXPECT_EQ(run<int16_t>(kernel(), p), 32767);
  p.epilogue.multiplier = {-1099511627776.0f};
  EXPECT_EQ(run<int16_t>(kernel(), p), -32767);
  p.output = ElementType::i8;
  p.epilogue.lo = {-127};
  p.epilogue.hi = {127};
  EXPECT_EQ(run<int8_t>(kernel(), p), -127);
}

TEST_P(EveryConvolution, LoAndHiAreReluAndRelu6) {
  OnePixel p = accumulator(-40, 1.0f);
  p.zero = 30;
  p.epilogue.lo = {30};
  p.epilogue.hi = {90};
  EXPECT_EQ(run<uint8_t>(kernel(), p), 30);
  p.bias = 59;
  EXPECT_EQ(run<uint8_t>(kernel(), p), 89);
  p.bias = 61;
  EXPECT_EQ(run<uint8_t>(kernel(), p), 90);
}

TEST_P(EveryConvolution, WeightsOfMinus128AndFullRangeInputsAreExact) {
  OnePixel p{.x = std::vector<uint8_t>(300, 255),
             .w = std::vector<int8_t>(300, -128),
             .epilogue = {},
             .residual = {}};
  p.output = ElementType::f32;
  EXPECT_EQ(run<float>(kernel(), p), -float(300 * 255 * 128));
  p.w.assign(300, 127);
  EXPECT_EQ(run<float>(kernel(), p), float(300 * 255 * 127));
}

TEST_P(EveryConvolution, LogitsAreStoredUnclamped) {
  OnePixel p = accumulator(-123456789, 0.37f);
  p.output = ElementType::f32;
  EXPECT_EQ(std::bit_cast<uint32_t>(run<float>(kernel(), p)),
            std::bit_cast<uint32_t>(float(-123456789) * 0.37f));
}

TEST_P(EveryConvolution, TableInterpolatesItsKnots) {
  OnePixel p = accumulator(0, 1.0f);
  p.output = ElementType::f32;
  p.epilogue.activation = Activation::table;
  p.epilogue.output_multiplier = {1.0f};
  p.epilogue.table.assign(65, 0);
  for (int i = 0; i < 65; ++i) p.epilogue.table[i] = int16_t(i * i * 7 - 9000);
  // 5 * 1024 + 300 counted from the table's left end, between knots 5 and 6.
  p.bias = 5 * 1024 + 300 - 32768;
  const int expected = (25 * 7 - 9000) * 1024 + (11 * 7) * 300;
  EXPECT_EQ(run<float>(kernel(), p), float(expected));
  // Both ends hold: the last argument is 65535, one short of knot 64.
  p.bias = -2000000000;
  EXPECT_EQ(run<float>(kernel(), p), float(-9000 * 1024));
  p.bias = 2000000000;
  const int last = (63 * 63 * 7 - 9000) * 1024 + (64 * 64 - 63 * 63) * 7 * 1023;
  EXPECT_EQ(run<float>(kernel(), p), float(last));
}

TEST_P(EveryConvolution, ResidualJoinsBeforeTheOneRounding) {
  // 2.5 + 1.0 = 3.5 rounds to 4; a rounding in between would give 2 + 1 = 3.
  OnePixel p = accumulator(5, 0.5f);
  p.epilogue.has_residual = true;
  p.epilogue.residual_multiplier = {0.25f};
  p.residual = {14};
  p.residual_zero = 10;
  EXPECT_EQ(run<uint8_t>(kernel(), p), 4);
}

TEST_P(EveryConvolution, ClipActsBeforeTheResidual) {
  OnePixel p = accumulator(500, 1.0f);
  p.epilogue.activation = Activation::clip;
  p.epilogue.alpha = 0;
  p.epilogue.beta = 6;
  p.epilogue.output_multiplier = {2.0f};
  p.epilogue.has_residual = true;
  p.epilogue.residual_multiplier = {1.0f};
  p.residual = {30};
  EXPECT_EQ(run<uint8_t>(kernel(), p), 42);
}

TEST_P(EveryConvolution, HardSigmoidIsClampedToOne) {
  OnePixel p = accumulator(1000, 1.0f);
  p.epilogue.activation = Activation::hard_sigmoid;
  p.epilogue.alpha = 0.2f;
  p.epilogue.beta = 0.5f;
  p.epilogue.output_multiplier = {200.0f};
  EXPECT_EQ(run<uint8_t>(kernel(), p), 200);
  p.bias = 1;
  EXPECT_EQ(run<uint8_t>(kernel(), p), 140);
}

INSTANTIATE_TEST_SUITE_P(Tables, EveryConvolution,
                         testing::Range(size_t{0}, convolution_kernels().size()),
                         [](const testing::TestParamInfo<size_t>& row) {
                           return std::string(convolution_kernels()[row.param].name);
                         });

}  // namespace
}  // namespace octavo::kernels
