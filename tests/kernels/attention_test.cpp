// The kernels of attention: values worked out by hand for the reference, and equality with
// it for every other row of the tables.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/tally.h"

namespace octavo::kernels {
namespace {

const float* floats(const Guarded& array) {
  return reinterpret_cast<const float*>(array.data());
}
const int32_t* integers(const Guarded& array) {
  return reinterpret_cast<const int32_t*>(array.data());
}
const uint16_t* words(const Guarded& array) {
  return reinterpret_cast<const uint16_t*>(array.data());
}

const uint32_t* long_words(const Guarded& array) {
  return reinterpret_cast<const uint32_t*>(array.data());
}

ElementType any_output(Random& random) {
  return random.one_of({ElementType::u8, ElementType::u8, ElementType::u8, ElementType::i16,
                        ElementType::i8, ElementType::f32});
}
Activation any_activation(Random& random) {
  return random.one_of({Activation::none, Activation::none, Activation::none, Activation::clip,
                        Activation::hard_swish, Activation::hard_sigmoid, Activation::table});
}

// --- by hand ---

// The stored floats of one pixel of bytes, through every row that takes the shape.
std::vector<std::vector<float>> normalized(NormalizeShape::Kind kind, std::vector<uint8_t> x,
                                           int32_t zero, float least, float multiplier,
                                           std::vector<uint16_t> coarse = {},
                                           std::vector<uint16_t> fine = {},
                                           std::vector<uint32_t> long_fine = {}) {
  NormalizeShape shape;
  shape.kind = kind;
  shape.channels = int32_t(x.size());
  shape.output = ElementType::f32;
  const std::vector<float> same(x.size(), multiplier), zeros(x.size(), 0.0f);
  const Guarded m = channel_array<float>(same), offset = channel_array<float>(zeros);
  coarse.resize(320);
  fine.resize(320);
  const Guarded a = channel_array<uint16_t>(coarse), b = channel_array<uint16_t>(fine);
  const std::vector<uint32_t> one(256 + 64, 1 << 30);
  long_fine.resize(256 + 64);
  const Guarded c = channel_array<uint32_t>(one), d = channel_array<uint32_t>(long_fine);
  x.resize(x.size() + slack_bytes);
  NormalizeConstants k;
  NormalizeArguments n;
  k.shape = shape;
  n.constants = &k;
  k.epilogue.output = ElementType::f32;
  k.epilogue.multiplier = floats(m);
  k.input_zero = zero;
  k.least = least;
  k.offset = floats(offset);
  k.coarse = words(a);
  k.fine = words(b);
  k.long_coarse = long_words(c);
  k.long_fine = long_words(d);
  const std::byte* input = reinterpret_cast<const std::byte*>(x.data());
  n.input = {&input, ptrdiff_t(shape.channels)};
  n.rows = n.width = 1;
  std::vector<std::vector<float>> made;
  for (const NormalizeKernel& kernel : normalize_kernels()) {
    if (!runs_here(kernel.requires_features) || !takes(kernel, shape)) continue;
    made.emplace_back(size_t(shape.channels));
    std::byte* output = reinterpret_cast<std::byte*>(made.back().data());
    n.output = {&output, ptrdiff_t(shape.channels) * 4};
    const Guarded prepared = prepared_by(kernel, k);
    kernel.run(n);
  }
  return made;
}

TEST(Normalize, LayerNormOfFourValues) {
  // x - z = (2, 4, 4, 6): S1 = 16, S2 = 72, d = (-8, 0, 0, 8), V = 288 - 256 = 32.
  using Kind = NormalizeShape::Kind;
  for (const auto& made : normalized(Kind::layer_norm, {12, 14, 14, 16}, 10, 32.0f, 3.0f)) {
    EXPECT_EQ(made, (std::vector<float>{-3, 0, 0, 3}));  // sqrt(32 + 32) = 8
  }
}

TEST(Normalize, LayerNormOfARowOf131072) {
  // x - z = +-64: S1 = 0, d = +-2^23, V = 2^46.
  std::vector<uint8_t> x(131072);
  for (size_t i = 0; i < x.size(); i += 2) x[i] = 128;
  const auto all = normalized(NormalizeShape::Kind::layer_norm, x, 64, 0x1p-80f, 3.0f);
  for (const auto& made : all) {
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(made[i], i % 2 == 0 ? 3 : -3) << i;
  }
  EXPECT_FALSE(all.empty());
}

TEST(Normalize, L2OfFourValues) {
  using Kind = NormalizeShape::Kind;
  for (const auto& made : normalized(Kind::l2, {11, 9, 5, 13}, 10, 1.0f, 12.0f)) {
    EXPECT_EQ(made, (std::vector<float>{2, -2, -10, 6}));  // sqrt(1 + 1 + 25 + 9) = 6
  }
  for (const auto& made : normalized(Kind::l2, {10, 10}, 10, 0.5f, 12.0f)) {
    EXPECT_EQ(made, (std::vector<float>{0, 0}));
  }
  for (const auto& made : normalized(Kind::l2, {11, 10}, 10, 4.0f, 12.0f)) {
    EXPECT_EQ(made, (std::vector<float>{3, 0})) << "the floor divides";
  }
}

TEST(Normalize, SoftmaxIsThatOfRealNumbers) {
  const double scale = 0.03;
  std::vector<uint16_t> coarse, fine;
  for (int i = 0; i < 256; ++i) {
    coarse.push_back(uint16_t(std::rint(32768 * std::exp(-256 * i * scale))));
    fine.push_back(uint16_t(std::rint(32768 * std::exp(-i * scale))));
  }
  const std::vector<uint8_t> x = {200, 180, 255, 0, 255, 77, 240};
  double sum = 0;
  for (const uint8_t value : x) sum += std::exp(value * scale);
  const auto all = normalized(NormalizeShape::Kind::softmax, x, 0, 0, 1.0f, coarse, fine);
  for (const auto& made : all) {
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(made[i], std::exp(x[i] * scale) / sum, 2e-5) << "channel " << i;
    }
  }
  EXPECT_FALSE(all.empty());
}

TEST(Normalize, LongSoftmaxIsThatOfRealNumbersToFloats) {
  const double scale = 0.03;
  std::vector<uint32_t> fine;
  for (int i = 0; i < 256; ++i)
    fine.push_back(uint32_t(std::rint(std::exp(-i * scale) * (1 << 30))));
  const std::vector<uint8_t> x = {200, 180, 255, 0, 255, 77, 240, 13, 199};
  double sum = 0;
  for (const uint8_t value : x) sum += std::exp(value * scale);
  const auto all = normalized(NormalizeShape::Kind::long_softmax, x, 0, 0, 1.0f, {}, {}, fine);
  for (const auto& made : all) {
    for (size_t i = 0; i < x.size(); ++i) {
      const double share = std::exp(x[i] * scale) / sum;
      EXPECT_NEAR(made[i], share, share * 3e-7 + 1e-9) << "channel " << i;
    }
  }
  EXPECT_FALSE(all.empty());
}

// --- equality ---

struct NormalizeCase {
  NormalizeShape shape;
  int32_t rows, width, zero;
  float least;
  RandomEpilogue epilogue;
  Guarded offset, coarse, fine, long_coarse, long_fine;
  RandomRows input;

  static float typical(const NormalizeShape& s) {
    return s.kind == NormalizeShape::Kind::layer_norm ? 1.0f : 2 / float(s.channels);
  }
  static Guarded falling(Random& random, int32_t least_factor) {
    std::vector<uint16_t> table{32768};
    const int64_t factor = random.between(least_factor, 65536);
    while (table.size() < 256) table.push_back(uint16_t(table.back() * factor >> 16));
    table.resize(320);
    return channel_array<uint16_t>(table);
  }

  static Guarded long_falling(Random& random, int32_t least_factor) {
    std::vector<uint32_t> table{1 << 30};
    const int64_t factor = random.between(least_factor, 65536);
    while (table.size() < 256) table.push_back(uint32_t(table.back() * factor >> 16));
    table.resize(320);
    return channel_array<uint32_t>(table);
  }

  NormalizeCase(Random& random, const NormalizeShape& s)
      : shape(s),
        rows(random.between(1, 3)),
        width(s.channels > 1000 ? 1 : random.between(1, 9)),
        zero(s.input == ElementType::u8 ? random.one_of({0, 255, random.between(0, 255)}) : 0),
        least(random.one_of({0x1p-80f, 0.01f, 1.0f, 500.0f, 0x1p20f})),
        epilogue(random, s.channels, s.output, s.activation, typical(s), false, ElementType::u8),
        offset(channel_array<float>(random_multipliers(random, s.channels, 10.0f))),
        coarse(falling(random, 1000)),
        fine(falling(random, 60000)),
        long_coarse(long_falling(random, 1000)),
        long_fine(long_falling(random, 60000)),
        input(random, s.input, rows, width, s.channels, true,
              s.input == ElementType::u8 ? 0 : INT16_MIN /* a plan's input is not checked */,
              most_of(s.input)) {}

  void run(const NormalizeKernel& kernel, RandomRows& output) const {
    NormalizeConstants k;
    NormalizeArguments n;
    k.shape = shape;
    n.constants = &k;
    k.epilogue = epilogue.arrays();
    k.input_zero = zero;
    k.least = least;
    k.offset = floats(offset);
    k.coarse = words(coarse);
    k.fine = words(fine);
    k.long_coarse = long_words(long_coarse);
    k.long_fine = long_words(long_fine);
    n.input = {input.table(), input.pixel_bytes()};
    n.output = {output.table(), output.pixel_bytes()};
    n.rows = rows;
    n.width = width;
    const Guarded prepared = prepared_by(kernel, k);
    kernel.run(n);
  }
};

TEST(Equality, NormalizeKernelsEqualTheReference) {
  using Kind = NormalizeShape::Kind;
  Tally<NormalizeKernel> tally(normalize_kernels());
  Random random(seed());
  for (int i = 0; i < 500 && !testing::Test::HasFailure(); ++i) {
    NormalizeShape s;
    s.kind = random.one_of({Kind::layer_norm, Kind::l2, Kind::softmax, Kind::long_softmax});
    // Up to what plans may hold now and then: sums that need every bit they have.
    s.channels = random.chance(4)
                     ? random.one_of({4096, 4097, 32767, 65535, random.between(1000, 65535)})
                     : any_channels(random);
    // So many that 16 bits at their worst still fit.
    const bool norm = s.kind == Kind::layer_norm || s.kind == Kind::l2;
    if (norm && random.chance(2)) s.channels = random.between(65536, 92681);
    s.input = random.chance(50) ? ElementType::u8 : ElementType::i16;
    s.output = any_output(random);
    s.activation = any_activation(random);
    const NormalizeCase work(random, s);
    Random twin_a{uint64_t(i)}, twin_b{uint64_t(i)};
    RandomRows expected(twin_a, s.output, work.rows, work.width, s.channels, false, 0, 1);
    RandomRows output(twin_b, s.output, work.rows, work.width, s.channels, false, 0, 1);
    expected.fill(std::byte{0xcd});
    work.run(normalize_kernels().back(), expected);
    tally.each(s, [&](const NormalizeKernel& kernel) {
      output.fill(std::byte{0xcd});
      work.run(kernel, output);
      EXPECT_TRUE(output == expected)
          << kernel.name << ": case " << i << ": kind " << int(s.kind) << " channels " << s.channels
          << " types " << int(s.input) << " -> " << int(s.output) << " activation "
          << int(s.activation);
    });
  }
  tally.report();
}

bool is_unsigned(ElementType type) {
  return type == ElementType::u8 || type == ElementType::u16;
}
int32_t any_zero(Random& random, ElementType type) {
  return is_unsigned(type) ? random.one_of({0, most_of(type), random.between(0, most_of(type))})
                           : 0;
}

TEST(MatMul, OfWordsByBytesWithZeroPointsIsThatOfTheirDifferences) {
  // (65535 - 1) * (0 - 200) + (0 - 1) * (255 - 200) = -13106800 - 55, which 24 bits hold.
  const std::vector<uint16_t> a = {65535, 0};
  const std::vector<uint8_t> b = {0, 255};
  MatMulShape shape;
  shape.depth = 2;
  shape.channels = 1;
  shape.transpose_b = true;
  shape.a = ElementType::u16;
  shape.b = ElementType::u8;
  shape.output = ElementType::f32;
  const Guarded one = channel_array<float>(std::vector<float>{1.0f});
  MatMulConstants k;
  MatMulArguments m;
  k.shape = shape;
  m.constants = &k;
  k.epilogue.output = ElementType::f32;
  k.epilogue.multiplier = floats(one);
  k.a_zero = 1;
  k.b_zero = 200;
  const std::byte *left = reinterpret_cast<const std::byte*>(a.data()),
                  *right = reinterpret_cast<const std::byte*>(b.data());
  m.a = {&left, 4};
  m.b = {&right, 2};
  m.rows = m.width = 1;
  size_t made = 0;
  for (const MatMulKernel& kernel : matmul_kernels()) {
    if (!runs_here(kernel.requires_features) || !takes(kernel, shape)) continue;
    Guarded scratch((kernel.scratch_bytes(shape) + 63) / 64 * 64);
    m.scratch = scratch.data();
    float f = 0;
    std::byte* output = reinterpret_cast<std::byte*>(&f);
    m.output = {&output, 4};
    const Guarded prepared = prepared_by(kernel, k);
    kernel.run(m);
    EXPECT_EQ(f, -13106855.0f) << kernel.name;
    ++made;
  }
  EXPECT_GE(made, 1u);
}

struct MatMulCase {
  MatMulShape shape;
  int32_t rows, width, zero, b_zero;
  RandomEpilogue epilogue;
  RandomRows a, b, residual;

  // Sums by signed bytes stay in 32 bits.
  static int32_t most_of_a(const MatMulShape& s) {
    if (s.a != ElementType::i16 || s.b != ElementType::i8) return most_of(s.a);
    return int32_t(std::min<int64_t>(32767, 2147483647 / (int64_t{s.depth} * 127)));
  }
  MatMulCase(Random& random, const MatMulShape& s)
      : shape(s),
        rows(random.between(1, 3)),
        width(random.between(1, 20)),
        zero(any_zero(random, s.a)),
        b_zero(any_zero(random, s.b)),
        epilogue(random, s.channels, s.output, s.activation,
                 float(s.depth) * float(most_of_a(s)) * float(most_of(s.b)) / 2, s.has_residual,
                 ElementType::i16),
        a(random, s.a, rows, width, s.depth, true, is_unsigned(s.a) ? 0 : -most_of_a(s),
          most_of_a(s)),
        b(random, s.b, rows, s.transpose_b ? s.channels : s.depth,
          s.transpose_b ? s.depth : s.channels, true, is_unsigned(s.b) ? 0 : -most_of(s.b),
          most_of(s.b)),
        residual(random, ElementType::i16, rows, width, s.channels, true, -32767, 32767) {
    shape.width = random.chance(50) ? width : width + random.between(1, 300);
  }

  void run(const MatMulKernel& kernel, RandomRows& output) const {
    Guarded scratch((kernel.scratch_bytes(shape) + 63) / 64 * 64);
    MatMulConstants k;
    MatMulArguments m;
    k.shape = shape;
    m.constants = &k;
    k.epilogue = epilogue.arrays();
    k.a_zero = zero;
    k.b_zero = b_zero;
    m.a = {a.table(), a.pixel_bytes()};
    m.b = {b.table(), b.pixel_bytes()};
    m.residual = {residual.table(), residual.pixel_bytes()};
    m.output = {output.table(), output.pixel_bytes()};
    m.rows = rows;
    m.width = width;
    m.scratch = scratch.data();
    const Guarded prepared = prepared_by(kernel, k);
    kernel.run(m);
  }
};

TEST(Equality, MatMulKernelsEqualTheReference) {
  Tally<MatMulKernel> tally(all_matmul_kernels());
  Random random(seed());
  for (int i = 0; i < 500 && !testing::Test::HasFailure(); ++i) {
    MatMulShape s;
    s.depth = any_channels(random);
    s.channels = any_channels(random);
    s.transpose_b = random.chance(50);
    s.a = random.chance(70) ? ElementType::u8 : ElementType::i16;
    if (random.chance(30)) {  // as quantized files have them
      s.a = random.one_of({ElementType::u8, ElementType::u16, ElementType::i16});
      s.b = random.one_of({ElementType::u8, ElementType::u16, ElementType::i16, ElementType::i8});
    }
    s.output = any_output(random);
    s.activation = any_activation(random);
    s.has_residual = s.output != ElementType::f32 && random.chance(30);
    const MatMulCase work(random, s);
    Random twin_a{uint64_t(i)}, twin_b{uint64_t(i)};
    RandomRows expected(twin_a, s.output, work.rows, work.width, s.channels, false, 0, 1);
    RandomRows output(twin_b, s.output, work.rows, work.width, s.channels, false, 0, 1);
    expected.fill(std::byte{0xcd});
    work.run(matmul_kernels().back(), expected);
    tally.each(work.shape, [&](const MatMulKernel& kernel) {
      output.fill(std::byte{0xcd});
      work.run(kernel, output);
      EXPECT_TRUE(output == expected)
          << kernel.name << ": case " << i << ": depth " << s.depth << " channels " << s.channels
          << " transposed " << s.transpose_b << " types " << int(s.a) << " by " << int(s.b)
          << " -> " << int(s.output) << " activation " << int(s.activation) << " residual "
          << s.has_residual << " tile " << work.rows << "x" << work.width;
    });
  }
  tally.report();
}

// The names of ISAs of this build's processor: those that some row's features belong to.
std::vector<std::string> isas_of_this_build() {
  std::vector<std::string> names;
  for (const IsaName& isa : isa_names()) {
    for (const PoolKernel& row : pool_kernels()) {
      const FeatureSet features = row.requires_features;
      if (features == 0 || (features & ~isa.features) != 0) continue;
      names.emplace_back(isa.name);
      break;
    }
  }
  return names;
}

// What plans hold never runs by the reference on these machines: each kind of step, of each
// mix of types, has a row in every ISA's tables.
template <class Shape>
void expect_a_row(const Shape& shape, const std::string& what) {
  for (const std::string& isa : isas_of_this_build()) {
    EXPECT_NE(choose(shape, *find_isa(isa)).requires_features, 0u) << what << " with " << isa;
  }
}

ConvolutionShape square_convolution(int32_t groups, int32_t kernel) {
  ConvolutionShape s;
  s.input_channels = s.output_channels = 96;
  s.groups = groups;
  s.kernel_h = s.kernel_w = kernel;
  return s;
}

void expect_rows_of(ElementType a, ElementType output) {
  const std::string types = std::to_string(int(a)) + " -> " + std::to_string(int(output));
  constexpr Activation none = Activation::none;
  for (ConvolutionShape s : {square_convolution(1, 1), square_convolution(1, 3),
                             square_convolution(4, 3), square_convolution(96, 7)}) {
    s.input = a;
    s.output = output;
    expect_a_row(s, "convolution " + types + ", groups " + std::to_string(s.groups));
  }
  for (const auto kind : {PoolStep::Kind::maximum, PoolStep::Kind::average}) {
    expect_a_row(PoolShape{96, kind, a, output}, "pool " + types);
  }
  for (const auto kind : {ElementwiseShape::Kind::add, ElementwiseShape::Kind::multiply,
                          ElementwiseShape::Kind::divide, ElementwiseShape::Kind::rescale}) {
    for (const ElementType b : {ElementType::u8, ElementType::i16}) {
      expect_a_row(ElementwiseShape{kind, 96, false, a, b, output, none}, "elementwise " + types);
    }
  }
  for (const auto kind : {NormalizeShape::Kind::layer_norm, NormalizeShape::Kind::l2,
                          NormalizeShape::Kind::softmax}) {
    expect_a_row(NormalizeShape{kind, 4096, a, output, none}, "normalize " + types);
  }
  for (const ElementType b : {ElementType::i8, ElementType::u8, ElementType::u16}) {
    expect_a_row(MatMulShape{64, 49, false, a, b, output, none, false}, "matmul " + types);
  }
  expect_a_row(ResizeShape{64, a, output, none}, "resize " + types);
}

TEST(Table, NoTypesAreLeftToTheReference) {
  if (matmul_kernels().size() == 1) GTEST_SKIP() << "built without kernels for vectors";
  for (const ElementType a : {ElementType::u8, ElementType::i16}) {
    for (const ElementType output :
         {ElementType::u8, ElementType::i8, ElementType::i16, ElementType::f32}) {
      expect_rows_of(a, output);
    }
  }
}

// Both neighbours' weights, worked out by hand: rows 10, 30 above 50, 70.
TEST(Resize, WeighsFourNeighbours) {
  ResizeShape shape;
  shape.channels = 1;
  shape.output = ElementType::f32;
  std::vector<uint8_t> above(2 + slack_bytes), below(2 + slack_bytes);
  above[0] = 10;
  above[1] = 30;
  below[0] = 50;
  below[1] = 70;
  const Guarded m = channel_array<float>(std::vector{0x1p-14f});
  const Guarded zero = channel_array<int32_t>(std::vector{4});
  const int32_t row_weight = 32, column[] = {0, 1}, next[] = {1, 1}, weight[] = {64, 99};
  const std::byte *upper = reinterpret_cast<const std::byte*>(above.data()),
                  *lower = reinterpret_cast<const std::byte*>(below.data());
  ResizeConstants k;
  ResizeArguments z;
  k.shape = shape;
  z.constants = &k;
  k.epilogue.output = ElementType::f32;
  k.epilogue.multiplier = floats(m);
  k.input_zero = integers(zero);
  z.upper = {&upper, 1};
  z.lower = {&lower, 1};
  z.rows = 1;
  z.width = 2;
  z.row_weight = &row_weight;
  k.column = column;
  k.next_column = next;
  k.column_weight = weight;
  for (const ResizeKernel& kernel : resize_kernels()) {
    if (!runs_here(kernel.requires_features) || !takes(kernel, shape)) continue;
    std::vector<float> made(2);
    std::byte* output = reinterpret_cast<std::byte*>(made.data());
    z.output = {&output, 4};
    kernel.run(z);
    EXPECT_EQ(made[0], 0.75f * 20 + 0.25f * 60 - 4);
    EXPECT_EQ(made[1], 0.75f * 30 + 0.25f * 70 - 4);
  }
}

struct ResizeCase {
  ResizeShape shape;
  int32_t rows, width, columns;
  std::vector<int32_t> row_weight, column_weight, column, next_column;
  RandomEpilogue epilogue;
  Guarded zero;
  RandomRows upper, lower;

  ResizeCase(Random& random, const ResizeShape& s)
      : shape(s),
        rows(random.between(1, 3)),
        width(random.between(1, 12)),
        columns(random.between(1, 9)),
        epilogue(random, s.channels, s.output, s.activation, 16384.0f * float(most_of(s.input)) / 3,
                 false, ElementType::u8),
        zero(channel_array<int32_t>(random_zeros(random, s.channels, s.input))),
        upper(random, s.input, rows, columns, s.channels, true, least_of(s.input),
              most_of(s.input)),
        lower(random, s.input, rows, columns, s.channels, true, least_of(s.input),
              most_of(s.input)) {
    const auto weight = [&] { return random.one_of({0, 128, 64, random.between(0, 128)}); };
    for (int32_t r = 0; r < rows; ++r) row_weight.push_back(weight());
    for (int32_t x = 0; x < width; ++x) {
      column_weight.push_back(weight());
      column.push_back(random.between(0, columns - 1));
      next_column.push_back(std::min(column.back() + 1, columns - 1));
    }
  }

  void run(const ResizeKernel& kernel, RandomRows& output) const {
    ResizeConstants k;
    ResizeArguments z;
    k.shape = shape;
    z.constants = &k;
    k.epilogue = epilogue.arrays();
    k.input_zero = integers(zero);
    z.upper = {upper.table(), upper.pixel_bytes()};
    z.lower = {lower.table(), lower.pixel_bytes()};
    z.output = {output.table(), output.pixel_bytes()};
    z.rows = rows;
    z.width = width;
    z.row_weight = row_weight.data();
    k.column_weight = column_weight.data();
    k.column = column.data();
    k.next_column = next_column.data();
    kernel.run(z);
  }
};

TEST(Equality, ResizeKernelsEqualTheReference) {
  Tally<ResizeKernel> tally(resize_kernels());
  Random random(seed());
  for (int i = 0; i < 300 && !testing::Test::HasFailure(); ++i) {
    ResizeShape s;
    s.channels = any_channels(random);
    s.input = random.chance(50) ? ElementType::u8 : ElementType::i16;
    s.output = any_output(random);
    s.activation = any_activation(random);
    const ResizeCase work(random, s);
    if (work.upper.pixel_bytes() != work.lower.pixel_bytes()) continue;
    Random twin_a{uint64_t(i)}, twin_b{uint64_t(i)};
    RandomRows expected(twin_a, s.output, work.rows, work.width, s.channels, false, 0, 1);
    RandomRows output(twin_b, s.output, work.rows, work.width, s.channels, false, 0, 1);
    expected.fill(std::byte{0xcd});
    work.run(resize_kernels().back(), expected);
    tally.each(s, [&](const ResizeKernel& kernel) {
      output.fill(std::byte{0xcd});
      work.run(kernel, output);
      EXPECT_TRUE(output == expected)
          << kernel.name << ": case " << i << ": channels " << s.channels << " types "
          << int(s.input) << " -> " << int(s.output) << " activation " << int(s.activation);
    });
  }
  tally.report();
}

}  // namespace
}  // namespace octavo::kernels
