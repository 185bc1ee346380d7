// The reference kernels against values worked out by hand.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/kernel.h"
#include "kernels/reference/kernels.h"
#include "kernels/table.h"

namespace octavo::kernels {
namespace {

template <class T>
std::vector<const std::byte*> rows_of(const std::vector<T>& values, size_t row_entries) {
  std::vector<const std::byte*> rows;
  for (size_t i = 0; i < values.size(); i += row_entries) {
    rows.push_back(reinterpret_cast<const std::byte*>(values.data() + i));
  }
  return rows;
}

// An epilogue for up to two channels that stores f + zero, between 0 and 255.
struct PlainEpilogue {
  std::vector<float> multiplier{1, 1}, lo{-10, -10}, hi{245, 245};
  std::vector<int32_t> zero{10, 10};
  EpilogueArrays arrays() const {
    EpilogueArrays e;
    e.multiplier = multiplier.data();
    e.lo = lo.data();
    e.hi = hi.data();
    e.zero = zero.data();
    return e;
  }
};

TEST(ReferenceConvolution, ReadsItsWindowThroughStrideAndDilation) {
  ConvolutionShape shape;
  shape.input_channels = shape.output_channels = 1;
  shape.kernel_h = shape.kernel_w = 2;
  shape.stride_h = shape.stride_w = 2;
  shape.dilation_h = 1;
  shape.dilation_w = 3;
  // 4 rows of 6; output 2 x 2 with windows of columns {0, 3} and {2, 5}.
  std::vector<uint8_t> x(24);
  for (size_t i = 0; i < x.size(); ++i) x[i] = uint8_t(i);
  const std::vector<int8_t> w = {1, 2, 3, 4};
  const int32_t bias = -100;
  const ConvolutionKernel& kernel = reference_convolution_kernels()[0];
  std::vector<std::byte> packed(kernel.packed_bytes(shape));
  kernel.pack(shape, w.data(), &bias, packed.data());
  const PlainEpilogue epilogue;
  const auto input = rows_of(x, 6);
  std::vector<uint8_t> y(4);
  std::vector<std::byte*> output = {reinterpret_cast<std::byte*>(&y[0]),
                                    reinterpret_cast<std::byte*>(&y[2])};
  ConvolutionConstants k;
  ConvolutionArguments a;
  k.shape = shape;
  a.constants = &k;
  k.packed = packed.data();
  k.epilogue = epilogue.arrays();
  a.input = {input.data(), 1};
  a.output = {output.data(), 1};
  a.output_rows = a.output_width = 2;
  a.channel_end = 1;
  kernel.run(a);
  // Pixel (0,0): 0 + 2*3 + 3*6 + 4*9 - 100 + 10 < 0; (0,1): +2 in all four: 60 + 20 - 90 < 0.
  // Pixel (1,0): 12 + 2*15 + 3*18 + 4*21 = 180; (1,1): 200.
  EXPECT_EQ(y, (std::vector<uint8_t>{0, 0, 90, 110}));
}

TEST(ReferenceConvolution, AGroupSeesItsOwnChannelsOnly) {
  ConvolutionShape shape;
  shape.input_channels = 4;
  shape.output_channels = shape.groups = 2;
  const std::vector<uint8_t> x = {1, 2, 3, 4};
  const std::vector<int8_t> w = {10, 1, 1, 10};
  const std::vector<int32_t> bias = {0, 100};
  const ConvolutionKernel& kernel = reference_convolution_kernels()[0];
  std::vector<std::byte> packed(kernel.packed_bytes(shape));
  kernel.pack(shape, w.data(), bias.data(), packed.data());
  const PlainEpilogue epilogue;
  const auto input = rows_of(x, 4);
  std::vector<uint8_t> y(2);
  std::byte* output = reinterpret_cast<std::byte*>(y.data());
  ConvolutionConstants k;
  ConvolutionArguments a;
  k.shape = shape;
  a.constants = &k;
  k.packed = packed.data();
  k.epilogue = epilogue.arrays();
  a.input = {input.data(), 4};
  a.output = {&output, 2};
  a.output_rows = a.output_width = 1;
  a.channel_end = 2;
  kernel.run(a);
  EXPECT_EQ(y, (std::vector<uint8_t>{22, 153}));
}

TEST(KernelTable, TheTablesOfThisBuildAreWhole) {
  EXPECT_TRUE(check_tables()) << check_tables().error().message;
}

TEST(KernelTable, ARowWithoutItsFunctionsIsNamed) {
  ConvolutionKernel row = reference_convolution_kernels()[0];
  const auto fault = [&] {
    const Status whole = check({.convolutions = {&row, 1},
                                .pools = {},
                                .elementwises = {},
                                .normalizes = {},
                                .matmuls = {},
                                .resizes = {}});
    return whole ? std::string() : whole.error().message;
  };
  EXPECT_EQ(fault(), "");
  row.run = nullptr;
  EXPECT_EQ(fault(),
            "the row 'reference_convolution' of a kernel table has no run: complete it in its "
            "folder's table.cpp, or take it out");
  row = reference_convolution_kernels()[0];
  row.prepare = [](const ConvolutionConstants&, std::byte*) {};
  EXPECT_NE(fault().find("has no prepared_bytes for its prepare"), std::string::npos) << fault();
  row = ConvolutionKernel{};
  EXPECT_EQ(fault(), "a row of a kernel table has no name");
}

struct PoolOnce {
  PoolShape shape;
  std::vector<uint8_t> x{10, 20, 30, 45};  // 2 x 2, one channel, zero point 10
  int32_t row_begin = 0, row_end = 2, column_begin = 0, column_end = 2, row_count = 2,
          column_count = 2;
  uint8_t run(const PlainEpilogue& epilogue) const {
    const std::vector<int32_t> zero = {10};
    const auto input = rows_of(x, 2);
    uint8_t y = 0;
    std::byte* output = reinterpret_cast<std::byte*>(&y);
    PoolConstants k;
    PoolArguments a;
    k.shape = shape;
    a.constants = &k;
    k.epilogue = epilogue.arrays();
    k.input_zero = zero.data();
    a.input = {input.data(), 1};
    a.output = {&output, 1};
    a.output_rows = a.output_width = a.channel_end = 1;
    a.row_begin = &row_begin;
    a.row_end = &row_end;
    a.row_count = &row_count;
    k.column_begin = &column_begin;
    k.column_end = &column_end;
    k.column_count = &column_count;
    reference_pool_kernels()[0].run(a);
    return y;
  }
};

TEST(ReferencePool, AverageDividesByWhatIsCounted) {
  PoolOnce pool;
  pool.shape.channels = 1;
  EXPECT_EQ(pool.run({}), 26) << "(0 + 10 + 20 + 35) / 4 = 16.25, + 10";
  pool.row_count = 3;  // a row of padding counts
  EXPECT_EQ(pool.run({}), 21) << "65 / 6 = 10.83, + 10";
  pool.row_count = 1;
  pool.row_end = 1;
  EXPECT_EQ(pool.run({}), 15) << "(0 + 10) / 2, + 10";
}

TEST(ReferencePool, MaximumIsOfStoredValuesInsideTheWindow) {
  PoolOnce pool;
  pool.shape.channels = 1;
  pool.shape.kind = PoolStep::Kind::maximum;
  EXPECT_EQ(pool.run({}), 45);
  pool.column_end = 1;
  EXPECT_EQ(pool.run({}), 30);
}

struct ElementwiseOnce {
  ElementwiseShape shape;
  std::vector<uint8_t> a{100, 200, 30, 40}, b{5, 7, 9, 11};  // two pixels of two channels
  std::vector<int32_t> a_zero{100, 0}, b_zero{0, 5};
  std::vector<float> b_multiplier{2, -1}, offset{1.5f, -0.5f};

  std::vector<uint8_t> run(const PlainEpilogue& epilogue) {
    shape.channels = 2;
    const auto a_row = rows_of(a, 4), b_row = rows_of(b, 4);
    std::vector<uint8_t> y(4);
    std::byte* output = reinterpret_cast<std::byte*>(y.data());
    ElementwiseConstants k;
    ElementwiseArguments e;
    k.shape = shape;
    e.constants = &k;
    k.epilogue = epilogue.arrays();
    k.a_zero = a_zero.data();
    k.b_zero = b_zero.data();
    k.b_multiplier = b_multiplier.data();
    k.offset = offset.data();
    e.a = {a_row.data(), 2};
    e.b = {b_row.data(), 2};
    e.output = {&output, 2};
    e.rows = 1;
    e.width = 2;
    reference_elementwise_kernels()[0].run(e);
    return y;
  }
};

TEST(ReferenceElementwise, AddTakesTwoZeroPointsAndTwoMultipliers) {
  ElementwiseOnce once;
  once.shape.kind = ElementwiseShape::Kind::add;
  // (0 + 2*5, 200 - 2), (-70 + 2*9, 40 - 6), + 10, clamped.
  EXPECT_EQ(once.run({}), (std::vector<uint8_t>{20, 208, 0, 44}));
}

TEST(ReferenceElementwise, AGateIsOnePixelForAllColumns) {
  ElementwiseOnce once;
  once.shape.kind = ElementwiseShape::Kind::multiply;
  once.shape.b_is_one_pixel = true;
  PlainEpilogue epilogue;
  epilogue.multiplier = {0.1f, 0.5f};
  // Gate (5, 7 - 5): (0, 200), (-35, 40), + 10, clamped at 0.
  EXPECT_EQ(once.run(epilogue), (std::vector<uint8_t>{10, 210, 0, 50}));
}

TEST(ReferenceElementwise, ADivisorOfNothingIsHalfAUnit) {
  ElementwiseOnce once;
  once.shape.kind = ElementwiseShape::Kind::divide;
  once.shape.b_is_one_pixel = true;
  once.b_zero = {5, 5};
  PlainEpilogue epilogue;
  epilogue.multiplier = {-0.25f, 7.0f};
  // Divisors (5 - 5, 7 - 5): (0 / 0.5, 200 * 7 / 2), (70 / 4 / 0.5, 40 * 7 / 2), + 10, clamped.
  EXPECT_EQ(once.run(epilogue), (std::vector<uint8_t>{10, 255, 45, 150}));
}

TEST(ReferenceElementwise, RescaleAddsItsOffsetBeforeRounding) {
  ElementwiseOnce once;
  once.shape.kind = ElementwiseShape::Kind::rescale;
  // 0 + 1.5 rounds to even 2; 199.5 to 200; -68.5; 39.5 to 40.
  EXPECT_EQ(once.run({}), (std::vector<uint8_t>{12, 210, 0, 50}));
}

}  // namespace
}  // namespace octavo::kernels
