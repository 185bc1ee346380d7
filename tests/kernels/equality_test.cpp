// Every kernel of the tables that this machine runs gives the reference's bytes, and
// touches nothing else, on random and extreme work of every shape class that it takes.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "kernels/random_case.h"
#include "kernels/tally.h"

namespace octavo::kernels {
namespace {

std::string describe(const ConvolutionShape& s, int32_t rows, int32_t width) {
  char text[256];
  std::snprintf(text, sizeof text,
                "c %d -> %d groups %d kernel %dx%d stride %dx%d dilation %dx%d types %d -> %d "
                "activation %d residual %d tile %dx%d",
                s.input_channels, s.output_channels, s.groups, s.kernel_h, s.kernel_w, s.stride_h,
                s.stride_w, s.dilation_h, s.dilation_w, int(s.input), int(s.output),
                int(s.activation), int(s.has_residual), rows, width);
  return text;
}

void square(Random& random, ConvolutionShape& s, std::initializer_list<int32_t> sizes) {
  s.kernel_h = random.one_of(sizes);
  s.kernel_w = random.chance(85) ? s.kernel_h : random.one_of(sizes);
  s.stride_h = random.chance(60) ? 1 : random.between(1, 4);
  s.stride_w = random.chance(85) ? s.stride_h : random.between(1, 3);
  if (random.chance(15)) s.dilation_h = s.dilation_w = random.between(2, 3);
}

ConvolutionShape random_shape(Random& random) {
  ConvolutionShape s;
  switch (random.between(0, 10)) {
    case 0:
    case 1:  // pointwise
      s.input_channels = any_channels(random);
      s.output_channels = any_channels(random);
      if (random.chance(15)) s.stride_h = s.stride_w = 2;
      break;
    case 2:  // stem
      s.input_channels = random.one_of({1, 3, 3, 3, 4});
      s.output_channels = any_channels(random);
      s.kernel_h = s.kernel_w = random.one_of({3, 3, 5, 7});
      s.stride_h = s.stride_w = random.one_of({1, 2, 2, 4});
      break;
    case 3:
    case 4:  // depthwise
      s.input_channels = s.output_channels = s.groups = any_channels(random);
      square(random, s, {3, 3, 5, 7, 1, 2, 4});
      break;
    case 5:  // dense
      s.input_channels = any_channels(random);
      s.output_channels = any_channels(random);
      square(random, s, {3, 3, 2, 5});
      break;
    case 6:  // depthwise with a multiplier
      s.input_channels = s.groups = random.between(2, 70);
      s.output_channels = s.groups * random.one_of({2, 2, 3, 4, 5});
      square(random, s, {3, 3, 5, 7, 1});
      break;
    case 7: {                                // grouped
      const bool round = random.chance(50);  // as ResNeXt has them
      s.groups = random.between(2, round ? 4 : 8);
      s.input_channels =
          s.groups * (round ? random.one_of({4, 8, 16, 32, 64}) : random.between(1, 16));
      s.output_channels =
          s.groups * (round ? random.one_of({4, 16, 32, 64}) : random.between(1, 16));
      square(random, s, {1, 3});
      break;
    }
    case 8:
    case 9: {  // grouped, as many out as in, in whole blocks of channels, half ones and parts
      const int32_t group = random.one_of({4, 8, 16});
      s.groups = random.between(2, 160 / group);
      s.input_channels = s.output_channels = s.groups * group;
      square(random, s, {1, 3, 3, 5});
      break;
    }
    case 10:  // dense, of channels enough for another arithmetic to pay
      s.input_channels = random.one_of({random.between(16, 60), 113, 128, 200, 257});
      s.output_channels = random.between(9, 80);
      s.kernel_h = s.kernel_w = random.chance(60) ? 3 : 1;
      break;
  }
  s.input = random.one_of({ElementType::u8, ElementType::u8, ElementType::u8, ElementType::u8,
                           ElementType::u8, ElementType::u8, ElementType::u8, ElementType::i16,
                           ElementType::i16, ElementType::u16});
  s.output = random.one_of({ElementType::u8, ElementType::u8, ElementType::u8, ElementType::i16,
                            ElementType::i8, ElementType::f32});
  if (s.input == ElementType::u16 && random.chance(60)) s.output = ElementType::u16;
  if (s.input == ElementType::u16 && random.chance(40)) s.weights = ElementType::i16;
  s.activation =
      random.one_of({Activation::none, Activation::none, Activation::none, Activation::clip,
                     Activation::hard_swish, Activation::hard_sigmoid, Activation::table});
  s.has_residual = s.output != ElementType::f32 && random.chance(30);
  if (s.has_residual && random.chance(30)) s.residual = ElementType::i16;
  return s;
}

struct Weights {
  std::vector<int8_t> w;
  std::vector<int32_t> bias;
  int32_t x_most = 255;  // the largest magnitude of an operand that keeps to int32
  float typical = 1;     // size of an accumulator
};

int64_t taps_of(const ConvolutionShape& s) {
  return int64_t{s.kernel_h} * s.kernel_w * (s.input_channels / s.groups);
}

// Weights of 16 bits and biases of 64 as halves.
Weights random_words(Random& random, const ConvolutionShape& s) {
  Weights made;
  made.x_most = 65535;
  const int kind = random.between(0, 3);
  for (int64_t i = 0; i < taps_of(s) * s.output_channels; ++i) {
    const int w = kind == 0   ? -32768
                  : kind == 1 ? 32767
                  : kind == 2 ? random.one_of({-32768, 32767, 127, 128, -128, -129})
                              : random.between(-32768, 32767);
    made.w.push_back(static_cast<int8_t>(w));
    made.w.push_back(static_cast<int8_t>(w >> 8));
  }
  const int64_t most = (int64_t{1} << 52) - taps_of(s) * 65535 * 32768;
  const bool extreme = random.chance(20);
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const int64_t bias =
        extreme ? random.chance(50) ? most : -most : int64_t{random.between(-5000, 5000)} << 28;
    made.bias.push_back(static_cast<int32_t>(bias));
    made.bias.push_back(static_cast<int32_t>(bias >> 32));
  }
  made.typical = extreme ? 4e15f : static_cast<float>(taps_of(s)) * 65535 * 32768 * 0.5f;
  return made;
}

// Weights of any kind, and biases up to the largest for which no partial sum leaves
// int32, with operands shifted by 128 as well.
Weights random_weights(Random& random, const ConvolutionShape& s) {
  if (s.weights == ElementType::i16) return random_words(random, s);
  Weights made;
  const int64_t taps = taps_of(s);
  made.w.resize(size_t(taps) * size_t(s.output_channels));
  // Extreme; of every size; as trained ones are, most of them small; at the border of what two or
  // four neighbours may sum to (128) where an instruction saturates; few and large.
  const int kind = random.between(0, 8);
  for (int8_t& w : made.w) {
    int trained = 0;
    for (int i = 0; i < 4; ++i) trained += random.between(-32, 31);
    w = int8_t(kind == 0   ? -128
               : kind == 1 ? 127
               : kind == 2 ? random.one_of({-128, 127})
               : kind <= 4 ? random.between(-128, 127)
               : kind <= 6 ? std::max(-127, trained)
               : kind == 7 ? random.one_of({31, 32, 33, -31, -32, -33, 64, -64})
                           : (random.chance(10) ? random.one_of({127, -128}) : 0));
  }
  constexpr int64_t limit = 2147483647;
  const bool wide = s.input == ElementType::u16;  // then sums may leave int32
  const auto narrowed = int32_t(std::min<int64_t>(32767, limit / 2 / (taps * 128)));
  made.x_most = s.input == ElementType::u8 ? 255 : wide ? 65535 : narrowed;
  const int64_t sum = taps * 128 * (s.input == ElementType::u8 ? 256 : made.x_most);
  const bool extreme = random.chance(20);
  for (int32_t o = 0; o < s.output_channels; ++o) {
    const int32_t most = int32_t(wide ? limit : limit - sum);
    made.bias.push_back(extreme ? random.one_of({-most, most}) : random.between(-5000, 5000));
  }
  made.typical = extreme ? 2e9f : std::max(1.0f, float(sum) * (kind >= 3 ? 0.05f : 0.5f));
  return made;
}

// What no sum of each output exceeds, with operands of at most x_most.
std::vector<float> largest_sums_of(const Weights& weights) {
  const size_t outputs = weights.bias.size(), taps = weights.w.size() / outputs;
  std::vector<float> out;
  for (size_t o = 0; o < outputs; ++o) {
    double sum = std::fabs(double(weights.bias[o]));
    for (size_t k = 0; k < taps; ++k) {
      sum += std::fabs(double(weights.w[o * taps + k])) * weights.x_most;
    }
    out.push_back(float(sum));
  }
  return out;
}

struct ConvolutionCase {
  ConvolutionShape shape;
  int32_t rows, width;  // of the map, or of a part of it
  Weights weights;
  RandomEpilogue epilogue;
  RandomRows input, residual;
  std::optional<Guarded> largest_sums;
  bool one_residual;

  ConvolutionCase(Random& random, const ConvolutionShape& s)
      : shape(s),
        rows(random.chance(80) ? random.between(1, 4) : random.between(5, 11)),
        width(random.chance(70) ? random.between(1, 20) : random.between(1, 70)),
        weights(random_weights(random, s)),
        epilogue(random, s.output_channels, s.output, s.activation, weights.typical, s.has_residual,
                 s.residual),
        input(random, s.input, (rows - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1,
              (width - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1, s.input_channels,
              true, s.input == ElementType::i16 ? -weights.x_most : 0, weights.x_most),
        residual(random, s.residual, rows, width, s.output_channels, true,
                 s.residual == ElementType::u8 ? 0 : -32767, most_of(s.residual)),
        one_residual(random.chance(30)) {
    shape.output_height = random.chance(50) ? rows : rows * random.between(1, 40);
    shape.output_width = random.chance(50) ? width : width + random.between(1, 300);
    shape.input_is_slice =
        input.pixel_bytes() != ptrdiff_t(element_bytes(s.input)) * s.input_channels;
    if (s.input != ElementType::u16 && random.chance(70)) {
      largest_sums.emplace(channel_array<float>(largest_sums_of(weights)));
    }
  }

  void run(const ConvolutionKernel& kernel, RandomRows& output,
           const std::vector<int32_t>& cuts) const {
    const size_t packed_bytes = (kernel.packed_bytes(shape) + 63) / 64 * 64 + slack_bytes;
    Guarded packed(packed_bytes);
    std::memset(packed.data(), 0xa5, packed_bytes);
    kernel.pack(shape, weights.w.data(), weights.bias.data(), packed.data());
    Guarded scratch((kernel.scratch_bytes(shape) + 63) / 64 * 64);
    ConvolutionConstants k;
    ConvolutionArguments a;
    k.shape = shape;
    a.constants = &k;
    k.packed = packed.data();
    k.epilogue = epilogue.arrays();
    if (largest_sums) k.epilogue.largest_sum = reinterpret_cast<const float*>(largest_sums->data());
    const Guarded prepared = prepared_by(kernel, k);
    a.input = {input.table(), input.pixel_bytes()};
    a.output = {output.table(), output.pixel_bytes()};
    // A residual may be one pixel for all of them.
    const std::vector<const std::byte*> same(static_cast<size_t>(rows), residual.table()[0]);
    a.residual = one_residual ? InputRows{same.data(), 0}
                              : InputRows{residual.table(), residual.pixel_bytes()};
    a.output_rows = rows;
    a.output_width = width;
    a.scratch = scratch.data();
    for (size_t i = 0; i + 1 < cuts.size(); ++i) {
      a.channel_begin = cuts[i];
      a.channel_end = cuts[i + 1];
      kernel.run(a);
    }
  }
};

TEST(Equality, ConvolutionKernelsEqualTheReference) {
  Tally<ConvolutionKernel> tally(all_convolution_kernels());
  Random random(seed());
  for (int i = 0; i < 1500 && !testing::Test::HasFailure(); ++i) {
    const ConvolutionCase work(random, random_shape(random));
    const ConvolutionShape& s = work.shape;
    // Two outputs of one form, with canaries in all that is not theirs to write.
    Random twin_a{uint64_t(i)}, twin_b{uint64_t(i)};
    RandomRows expected(twin_a, s.output, work.rows, work.width, s.output_channels, false, 0, 1);
    RandomRows output(twin_b, s.output, work.rows, work.width, s.output_channels, false, 0, 1);
    expected.fill(std::byte{0xcd});
    work.run(convolution_kernels().back(), expected, {0, s.output_channels});
    tally.each(s, [&](const ConvolutionKernel& kernel) {
      std::vector<int32_t> cuts = {0, s.output_channels};
      if (s.output_channels > kernel.channel_step && random.chance(50)) {
        const int32_t steps = (s.output_channels - 1) / kernel.channel_step;
        cuts.insert(cuts.begin() + 1, random.between(1, steps) * kernel.channel_step);
      }
      output.fill(std::byte{0xcd});
      work.run(kernel, output, cuts);
      EXPECT_TRUE(output == expected)
          << kernel.name << ": case " << i << ": " << describe(s, work.rows, work.width);
    });
  }
  tally.report();
}

// Where sums are the largest that bytes can make, at both ends: what is found again modulo a power
// of two, as 3x3 may be, is found to the last unit on either side of where channels must be split.
TEST(Equality, ConvolutionsOfTheHeaviestWeightsEqualTheReference) {
  Random random(seed());
  std::map<std::string, int> tried;
  for (const int32_t channels : {64, 112, 114, 115, 116, 230, 240}) {
    for (const int8_t weight : {int8_t{127}, int8_t{-128}}) {
      ConvolutionShape s;
      s.input_channels = channels;
      s.output_channels = 48;
      s.kernel_h = s.kernel_w = 3;
      s.output = ElementType::f32;
      ConvolutionCase work(random, s);
      work.shape.output_height = work.shape.output_width = 300;
      work.largest_sums.reset();
      work.weights.w.assign(work.weights.w.size(), weight);
      // What is left of a sum is small, so that no float hides a unit of it.
      for (size_t o = 0; o < work.weights.bias.size(); ++o)
        work.weights.bias[o] = -9 * channels * 255 * weight + int32_t(o) - 24;
      work.input.fill(std::byte{255});
      Random twin_a{7}, twin_b{7};
      RandomRows expected(twin_a, s.output, work.rows, work.width, s.output_channels, false, 0, 1);
      RandomRows output(twin_b, s.output, work.rows, work.width, s.output_channels, false, 0, 1);
      expected.fill(std::byte{0xcd});
      work.run(convolution_kernels().back(), expected, {0, s.output_channels});
      for (const ConvolutionKernel& kernel : all_convolution_kernels()) {
        if (!runs_here(kernel.requires_features) || !kernel.accepts(work.shape)) continue;
        output.fill(std::byte{0xcd});
        work.run(kernel, output, {0, s.output_channels});
        EXPECT_TRUE(output == expected)
            << kernel.name << ": " << channels << " channels of " << int(weight);
        ++tried[kernel.name];
      }
    }
  }
  for (const char* name : {"avx2_winograd", "avx2_bytes", "avxvnni_winograd",
                           "avxvnni_winograd_evex", "avx512vnni_winograd", "neon_winograd"}) {
    for (const ConvolutionKernel& kernel : all_convolution_kernels()) {
      if (kernel.name == std::string(name) && runs_here(kernel.requires_features)) {
        EXPECT_EQ(tried[name], 14) << name;
      }
    }
  }
}

// Pixels of few channels that follow each other without a gap may be taken several at a time: all
// numbers of channels, with pixels left over, on either side of where that begins.
TEST(Equality, DepthwiseConvolutionsOfFewChannelsEqualTheReference) {
  Random random(seed());
  std::map<std::string, std::set<int32_t>> together;  // by kernel: the channels
  for (int32_t channels = 1; channels <= 72; ++channels) {
    int done = 0;
    for (int tries = 0; done < 10 && tries < 500; ++tries) {
      ConvolutionShape s;
      s.input_channels = s.output_channels = s.groups = channels;
      s.kernel_h = random.one_of({1, 2, 3, 3, 3, 4, 5, 7});
      s.kernel_w = random.one_of({1, 3, 3, 3, 3, 3, 3, 5});
      s.stride_h = random.one_of({1, 1, 1, 2, 3});
      s.dilation_h = random.one_of({1, 1, 1, 2});
      s.has_residual = random.chance(30);
      s.activation = Activation(random.between(0, 4));
      const ConvolutionCase work(random, s);
      Random twin_a{uint64_t(tries)}, twin_b{uint64_t(tries)};
      RandomRows expected(twin_a, s.output, work.rows, work.width, channels, false, 0, 1);
      RandomRows output(twin_b, s.output, work.rows, work.width, channels, false, 0, 1);
      if (work.shape.input_is_slice || output.pixel_bytes() != channels) continue;
      if (work.width < 17) continue;  // several times as many as may be taken at a time
      ++done;
      expected.fill(std::byte{0xcd});
      work.run(convolution_kernels().back(), expected, {0, channels});
      for (const ConvolutionKernel& kernel : all_convolution_kernels()) {
        if (!runs_here(kernel.requires_features) || !kernel.accepts(work.shape)) continue;
        output.fill(std::byte{0xcd});
        work.run(kernel, output, {0, channels});
        EXPECT_TRUE(output == expected)
            << kernel.name << ": " << describe(work.shape, work.rows, work.width);
        // Of pixels that lie apart there is one way of packing.
        ConvolutionShape apart = work.shape;
        apart.input_is_slice = true;
        if (kernel.packed_bytes(work.shape) > kernel.packed_bytes(apart))
          together[kernel.name].insert(channels);
      }
    }
    EXPECT_EQ(done, 10) << channels << " channels";
  }
  if (runs_here(feature::avx512 | feature::avx512vnni)) {
    const std::set<int32_t>& channels = together["avx512vnni_depthwise"];
    for (const int32_t c : {4, 5, 8, 9, 12, 16, 20, 24, 33, 34, 36, 40, 46, 48})
      EXPECT_TRUE(channels.contains(c)) << c << " channels were never taken together";
    EXPECT_FALSE(channels.contains(32) || channels.contains(64));
  }
}

// Whatever folder comes first, groups of one channel go to a kernel made for them.
TEST(Equality, DepthwiseConvolutionsGoToDepthwiseKernelsOnEveryPath) {
  for (const IsaName& isa : isa_names()) {
    if (isa.features == 0 || !runs_here(isa.features)) continue;
    for (const int32_t kernel : {3, 5}) {
      ConvolutionShape s;
      s.input_channels = s.output_channels = s.groups = 96;
      s.kernel_h = s.kernel_w = kernel;
      s.output_height = s.output_width = 28;
      const std::string name = choose(s, isa.features).name;
      // AVX-512 alone has AVX2's.
      EXPECT_NE(name.find("depthwise"), std::string::npos) << isa.name << ": " << name;
    }
  }
}

// A kernel that packs much is passed over; transformed weights are not too much.
TEST(Equality, TransformedWeightsAreNoInflation) {
  for (const ConvolutionKernel& kernel : convolution_kernels()) {
    if (std::string(kernel.name).find("winograd") == std::string::npos) continue;
    if (!runs_here(kernel.requires_features)) continue;
    for (const auto& [inputs, outputs] : {std::pair{64, 64}, {120, 120}, {160, 168}, {255, 256}}) {
      ConvolutionShape s;
      s.input_channels = inputs;
      s.output_channels = outputs;
      s.kernel_h = s.kernel_w = 3;
      s.output_height = s.output_width = 28;
      ASSERT_TRUE(kernel.accepts(s));
      EXPECT_EQ(choose(s, kernel.requires_features).name, std::string(kernel.name))
          << inputs << " to " << outputs;
      // Of tiles of four rows a run of one fills a quarter.
      s.run_rows = 1;
      EXPECT_FALSE(kernel.accepts(s));
    }
  }
}

// --- pools ---

// A pool's shape, and the windows that the case lays over its map.
struct PoolWindows {
  PoolShape shape;
  int32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
};

struct PoolCase {
  PoolShape shape;
  int32_t rows, width;
  std::vector<int32_t> row_begin, row_end, row_count, column_begin, column_end, column_count;
  RandomEpilogue epilogue;
  Guarded input_zero;
  RandomRows input;

  PoolCase(Random& random, const PoolWindows& p, int32_t r, int32_t w)
      : shape(p.shape),
        rows(r),
        width(w),
        epilogue(
            random, shape.channels, shape.output,
            random.one_of({Activation::none, Activation::none, Activation::clip,
                           Activation::hard_swish, Activation::hard_sigmoid, Activation::table}),
            float(p.kernel_h * p.kernel_w) * float(most_of(shape.input)), false, ElementType::u8),
        input_zero(channel_array<int32_t>(random_zeros(random, shape.channels, shape.input))),
        input(random, shape.input, (r - 1) * p.stride_h + p.kernel_h,
              (w - 1) * p.stride_w + p.kernel_w, shape.channels, true, least_of(shape.input),
              most_of(shape.input)) {
    windows(random, r, p.kernel_h, p.stride_h, row_begin, row_end, row_count);
    windows(random, w, p.kernel_w, p.stride_w, column_begin, column_end, column_count);
  }

  // Windows of which a part may be missing, at either end.
  static void windows(Random& random, int32_t n, int32_t kernel, int32_t stride,
                      std::vector<int32_t>& begin, std::vector<int32_t>& end,
                      std::vector<int32_t>& count) {
    for (int32_t i = 0; i < n; ++i) {
      const int32_t from = random.chance(70) ? 0 : random.between(0, kernel - 1);
      const int32_t to = random.chance(70) ? kernel : random.between(from + 1, kernel);
      begin.push_back(i * stride + from);
      end.push_back(i * stride + to);
      count.push_back(random.chance(50) ? to - from : kernel);
    }
  }

  void run(const PoolKernel& kernel, RandomRows& output, int32_t cut) const {
    PoolConstants k;
    PoolArguments a;
    k.shape = shape;
    a.constants = &k;
    k.epilogue = epilogue.arrays();
    k.input_zero = reinterpret_cast<const int32_t*>(input_zero.data());
    a.input = {input.table(), input.pixel_bytes()};
    a.output = {output.table(), output.pixel_bytes()};
    a.output_rows = rows;
    a.output_width = width;
    a.row_begin = row_begin.data();
    a.row_end = row_end.data();
    a.row_count = row_count.data();
    k.column_begin = column_begin.data();
    k.column_end = column_end.data();
    k.column_count = column_count.data();
    a.channel_begin = 0;
    a.channel_end = cut;
    kernel.run(a);
    if (cut == shape.channels) return;
    a.channel_begin = cut;
    a.channel_end = shape.channels;
    kernel.run(a);
  }
};

PoolWindows random_pool(Random& random) {
  PoolWindows p;
  PoolShape& s = p.shape;
  s.channels = any_channels(random);
  s.kind = random.one_of({PoolStep::Kind::maximum, PoolStep::Kind::average});
  const bool global = random.chance(30);
  // 16-bit sums of bytes hold 257 of them.
  p.kernel_h = global ? random.one_of({random.between(1, 14), 16, 17, random.between(1, 300)})
                      : random.between(1, 5);
  p.kernel_w = random.chance(80) && p.kernel_h <= 17 ? p.kernel_h : random.between(1, 5);
  p.stride_h = random.between(1, 3);
  p.stride_w = random.chance(80) ? p.stride_h : random.between(1, 3);
  s.input = random.chance(80) ? ElementType::u8 : ElementType::i16;
  s.output = s.kind == PoolStep::Kind::maximum
                 ? s.input
                 : random.one_of({ElementType::u8, ElementType::u8, ElementType::i16,
                                  ElementType::i8, ElementType::f32});
  return p;
}

TEST(Equality, PoolKernelsEqualTheReference) {
  Tally<PoolKernel> tally(pool_kernels());
  Random random(seed());
  for (int i = 0; i < 400 && !testing::Test::HasFailure(); ++i) {
    const PoolWindows p = random_pool(random);
    const PoolShape& s = p.shape;
    const PoolCase work(random, p, random.between(1, 3), random.between(1, 12));
    Random twin_a{uint64_t(i)}, twin_b{uint64_t(i)};
    RandomRows expected(twin_a, s.output, work.rows, work.width, s.channels, false, 0, 1);
    RandomRows output(twin_b, s.output, work.rows, work.width, s.channels, false, 0, 1);
    expected.fill(std::byte{0xcd});
    work.run(pool_kernels().back(), expected, s.channels);
    tally.each(s, [&](const PoolKernel& kernel) {
      output.fill(std::byte{0xcd});
      const bool cut = s.channels > 64 && random.chance(50);
      work.run(kernel, output, cut ? 64 : s.channels);
      EXPECT_TRUE(output == expected)
          << kernel.name << ": case " << i << ": channels " << s.channels << " kind " << int(s.kind)
          << " kernel " << p.kernel_h << "x" << p.kernel_w << " stride " << p.stride_h << "x"
          << p.stride_w << " types " << int(s.input) << " -> " << int(s.output) << " tile "
          << work.rows << "x" << work.width;
    });
  }
  tally.report();
}

// --- elementwise ---

struct ElementwiseCase {
  ElementwiseShape shape;
  int32_t rows, width;
  RandomEpilogue epilogue;
  Guarded a_zero, b_zero, b_multiplier, offset;
  RandomRows a, b;

  static float typical(const ElementwiseShape& s) {
    const float a = float(most_of(s.a)), b = float(most_of(s.b));
    return s.kind == ElementwiseShape::Kind::multiply ? a * b / 2 : a;
  }

  ElementwiseCase(Random& random, const ElementwiseShape& s)
      : shape(s),
        rows(random.between(1, 3)),
        width(random.between(1, 30)),
        epilogue(random, s.channels, s.output, s.activation, typical(s), false, ElementType::u8),
        a_zero(channel_array<int32_t>(random_zeros(random, s.channels, s.a))),
        b_zero(channel_array<int32_t>(random_zeros(random, s.channels, s.b))),
        b_multiplier(channel_array<float>(
            random_multipliers(random, s.channels, 100.0f / float(most_of(s.b))))),
        offset(channel_array<float>(random_multipliers(random, s.channels, 10.0f))),
        a(random, s.a, rows, width, s.channels, true,
          s.a == ElementType::i16 ? INT16_MIN /* a plan's input is not checked */ : least_of(s.a),
          most_of(s.a)),
        b(random, s.b, rows, s.b_is_one_pixel ? 1 : width, s.channels, true, least_of(s.b),
          most_of(s.b)) {}

  void run(const ElementwiseKernel& kernel, RandomRows& output) const {
    ElementwiseConstants k;
    ElementwiseArguments e;
    k.shape = shape;
    e.constants = &k;
    k.epilogue = epilogue.arrays();
    k.a_zero = reinterpret_cast<const int32_t*>(a_zero.data());
    e.a = {a.table(), a.pixel_bytes()};
    if (shape.kind != ElementwiseShape::Kind::rescale) {
      e.b = {b.table(), b.pixel_bytes()};
      k.b_zero = reinterpret_cast<const int32_t*>(b_zero.data());
    }
    if (shape.kind == ElementwiseShape::Kind::add) {
      k.b_multiplier = reinterpret_cast<const float*>(b_multiplier.data());
    }
    if (shape.kind == ElementwiseShape::Kind::rescale) {
      k.offset = reinterpret_cast<const float*>(offset.data());
    }
    e.output = {output.table(), output.pixel_bytes()};
    e.rows = rows;
    e.width = width;
    const Guarded prepared = prepared_by(kernel, k);
    kernel.run(e);
  }
};

ElementwiseShape random_elementwise(Random& random) {
  ElementwiseShape s;
  using Kind = ElementwiseShape::Kind;
  s.kind = random.one_of(
      {Kind::add, Kind::add, Kind::multiply, Kind::multiply, Kind::divide, Kind::rescale});
  s.channels = any_channels(random);
  s.b_is_one_pixel = s.kind != Kind::rescale && random.chance(40);
  s.a = random.chance(80) ? ElementType::u8 : ElementType::i16;
  s.b = random.one_of(
      {ElementType::u8, ElementType::u8, ElementType::u8, ElementType::i16, ElementType::i8});
  s.output = random.one_of({ElementType::u8, ElementType::u8, ElementType::u8, ElementType::i16,
                            ElementType::i8, ElementType::f32});
  s.activation =
      random.one_of({Activation::none, Activation::none, Activation::clip, Activation::hard_swish,
                     Activation::hard_sigmoid, Activation::table});
  return s;
}

TEST(Equality, ElementwiseKernelsEqualTheReference) {
  Tally<ElementwiseKernel> tally(elementwise_kernels());
  Random random(seed());
  for (int i = 0; i < 600 && !testing::Test::HasFailure(); ++i) {
    const ElementwiseCase work(random, random_elementwise(random));
    const ElementwiseShape& s = work.shape;
    Random twin_a{uint64_t(i)}, twin_b{uint64_t(i)};
    RandomRows expected(twin_a, s.output, work.rows, work.width, s.channels, false, 0, 1);
    RandomRows output(twin_b, s.output, work.rows, work.width, s.channels, false, 0, 1);
    expected.fill(std::byte{0xcd});
    work.run(elementwise_kernels().back(), expected);
    tally.each(s, [&](const ElementwiseKernel& kernel) {
      output.fill(std::byte{0xcd});
      work.run(kernel, output);
      EXPECT_TRUE(output == expected)
          << kernel.name << ": case " << i << ": kind " << int(s.kind) << " channels " << s.channels
          << " one pixel " << s.b_is_one_pixel << " types " << int(s.a) << ", " << int(s.b)
          << " -> " << int(s.output) << " activation " << int(s.activation) << " tile " << work.rows
          << "x" << work.width;
    });
  }
  tally.report();
}

}  // namespace
}  // namespace octavo::kernels
