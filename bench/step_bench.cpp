// The speed of the kernels that are no convolution of bytes: steps of attention, 16-bit
// convolutions and elementwise steps: step_bench [part of a step's name [part of a kernel's]].
// Every row of the tables that takes the shape is timed, the reference too.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/timing.h"
#include "kernels/avxvnni/evex.h"
#include "kernels/kernel.h"
#include "runtime/permute.h"

namespace {

using namespace octavo;
using namespace octavo::kernels;
using bench::fastest;
using bench::prepared_by;
using bench::Rows;

constexpr ElementType u8 = ElementType::u8, i8 = ElementType::i8, i16 = ElementType::i16;

int64_t size_of(ElementType type) {
  return type == i16 ? 2 : type == ElementType::f32 ? 4 : 1;
}

// Arrays for the largest number of channels below.
struct Arrays {
  static constexpr size_t channels = 4096;
  std::vector<float> small = std::vector<float>(channels, 0.001f);
  std::vector<float> low = std::vector<float>(channels, 0.0f);
  std::vector<float> high = std::vector<float>(channels, 255.0f);
  std::vector<float> signed_high = std::vector<float>(channels, 127.0f);
  std::vector<int32_t> zero = std::vector<int32_t>(channels, 0);
  std::vector<int16_t> knots = std::vector<int16_t>(128, 100);
  std::vector<uint16_t> exponentials = std::vector<uint16_t>(320, 32768);

  EpilogueArrays epilogue(ElementType output, Activation activation, bool residual) const {
    EpilogueArrays e;
    e.activation = activation;
    e.alpha = 0.16666667f;
    e.beta = 0.5f;
    e.multiplier = e.output_multiplier = small.data();
    e.table = knots.data();
    if (residual) e.residual_multiplier = small.data();
    e.residual_zero = e.zero = zero.data();
    e.lo = low.data();
    e.hi = output == u8 ? high.data() : signed_high.data();
    e.output = e.residual = output;
    return e;
  }
};

const Arrays arrays;

struct Filter {
  const char *step, *kernel;
  bool takes(const char* step_name, const char* kernel_name) const {
    return std::strstr(step_name, step) != nullptr && std::strstr(kernel_name, kernel) != nullptr;
  }
};

// Calls time(kernel) for each row that takes the shape; `unit` is products or values.
template <class Rows, class Shape, class Time>
void each_row(const Filter& filter, const char* name, const Rows& rows, const Shape& shape,
              double units, const char* unit, const Time& time) {
  FeatureSet seen = ~0u;  // the first row of each ISA is the one that runs
  for (const auto& kernel : rows) {
    const FeatureSet needs = kernel.requires_features;
    if (!filter.takes(name, kernel.name) || needs == seen || !kernel.accepts(shape)) continue;
    if ((needs & ~machine_features()) != 0) continue;
    seen = needs;
    const double seconds = time(kernel);
    std::printf("%-34s %-28s %9.1f us %8.2f %s/ns\n", name, kernel.name, seconds * 1e6,
                units / seconds * 1e-9, unit);
  }
}

struct Product {
  const char* name;
  int32_t rows, width, depth, channels;
  bool transpose;
  ElementType a, output;
  bool residual;
};
constexpr Product products[] = {
    {"q k^T 8x49x32x49", 8, 49, 32, 49, true, u8, u8, false},
    {"q k^T 8x49x32x49 to i16 + bias", 8, 49, 32, 49, true, u8, i16, true},
    {"p v 8x49x49x32", 8, 49, 49, 32, false, u8, u8, false},
    {"p v 8x49x49x128 to i16", 8, 49, 49, 128, false, u8, i16, false},
    {"q k^T 4x196x16x196", 4, 196, 16, 196, true, u8, u8, false},
    {"q k 4x196x16x196", 4, 196, 16, 196, false, u8, u8, false},
    {"p v 4x196x196x64", 4, 196, 196, 64, false, u8, u8, false},
    {"q k^T 6x197x64x197", 6, 197, 64, 197, true, u8, u8, false},
    {"p v 6x197x197x64", 6, 197, 197, 64, false, u8, u8, false},
    {"q k^T 16 bits 4x196x16x196", 4, 196, 16, 196, true, i16, u8, false},
    {"p v 16 bits 4x196x196x64", 4, 196, 196, 64, false, i16, i16, false},
};

void time_product(const Filter& filter, const Product& p) {
  MatMulShape s;
  s.depth = p.depth;
  s.channels = p.channels;
  s.transpose_b = p.transpose;
  s.a = p.a;
  s.output = p.output;
  s.has_residual = p.residual;
  s.width = p.width;
  Rows a(p.rows, p.width * p.depth * size_of(p.a)), b(p.rows, p.depth * p.channels);
  Rows output(p.rows, p.width * p.channels * size_of(p.output));
  Rows residual(p.rows, p.width * p.channels * size_of(p.output));
  MatMulConstants k;
  MatMulArguments m;
  k.shape = s;
  m.constants = &k;
  k.epilogue = arrays.epilogue(p.output, Activation::none, p.residual);
  k.a_zero = p.a == u8 ? 128 : 0;
  m.a = {a.table(), p.depth * size_of(p.a)};
  m.b = {b.table(), p.transpose ? p.depth : p.channels};
  m.residual = {residual.table(), p.channels * size_of(p.output)};
  m.output = {output.row.data(), p.channels * size_of(p.output)};
  m.rows = p.rows;
  m.width = p.width;
  const double macs = double{1} * p.rows * p.width * p.depth * p.channels;
  each_row(filter, p.name, all_matmul_kernels(), s, macs, "MAC", [&](const MatMulKernel& kernel) {
    Rows scratch(1, static_cast<int64_t>(kernel.scratch_bytes(s)));
    const Rows prepared = prepared_by(kernel, k);
    m.scratch = scratch.row[0];
    return fastest([&] { kernel.run(m); });
  });
}

struct Normal {
  const char* name;
  NormalizeShape::Kind kind;
  int32_t pixels, channels;
  ElementType input, output;
};
constexpr auto layer_norm = NormalizeShape::Kind::layer_norm,
               softmax = NormalizeShape::Kind::softmax, l2 = NormalizeShape::Kind::l2;
constexpr Normal normals[] = {
    {"layer norm 3136x96", layer_norm, 3136, 96, u8, u8},
    {"layer norm 3136x96 from i16", layer_norm, 3136, 96, i16, u8},
    {"layer norm 196x384 from i16", layer_norm, 196, 384, i16, u8},
    {"layer norm 49x768 from i16 to i16", layer_norm, 49, 768, i16, i16},
    {"softmax 392x49", softmax, 392, 49, u8, u8},
    {"softmax 784x196", softmax, 784, 196, u8, u8},
    {"softmax 784x196 from i16", softmax, 784, 196, i16, u8},
    {"softmax 392x49 from i16", softmax, 392, 49, i16, u8},
    {"L2 384x196 to i8", l2, 384, 196, u8, i8},
};

void time_normal(const Filter& filter, const Normal& p) {
  NormalizeShape s;
  s.kind = p.kind;
  s.channels = p.channels;
  s.input = p.input;
  s.output = p.output;
  Rows x(1, p.pixels * p.channels * size_of(p.input));
  Rows y(1, p.pixels * p.channels * size_of(p.output));
  NormalizeConstants k;
  NormalizeArguments n;
  k.shape = s;
  n.constants = &k;
  k.epilogue = arrays.epilogue(p.output, Activation::none, false);
  k.input_zero = p.input == u8 ? 128 : 0;
  k.least = 1;
  k.offset = arrays.small.data();
  k.coarse = k.fine = arrays.exponentials.data();
  n.input = {x.table(), p.channels * size_of(p.input)};
  n.output = {y.row.data(), p.channels * size_of(p.output)};
  n.rows = 1;
  n.width = p.pixels;
  each_row(filter, p.name, normalize_kernels(), s, double{1} * p.pixels * p.channels, "value",
           [&](const NormalizeKernel& kernel) {
             const Rows prepared = prepared_by(kernel, k);
             return fastest([&] { kernel.run(n); });
           });
}

struct Elementwise {
  const char* name;
  ElementwiseShape::Kind kind;
  int32_t pixels, channels;
  bool gate;
  ElementType a, b, output;
  Activation activation = Activation::none;
};
constexpr auto add = ElementwiseShape::Kind::add, multiply = ElementwiseShape::Kind::multiply,
               rescale = ElementwiseShape::Kind::rescale;
constexpr Elementwise elementwises[] = {
    {"add 784x128", add, 784, 128, false, u8, u8, u8},
    {"add i16 + u8 to i16 784x128", add, 784, 128, false, i16, u8, i16},
    {"add i16 + i16 to i16 784x128", add, 784, 128, false, i16, i16, i16},
    {"add i16 + i16 to u8 784x100", add, 784, 100, false, i16, i16, u8},
    {"multiply by gate i16 784x128", multiply, 784, 128, true, i16, i16, i16},
    {"rescale i16 to u8 784x128", rescale, 784, 128, false, i16, u8, u8},
    {"rescale u8 by table 784x128", rescale, 784, 128, false, u8, u8, u8, Activation::table},
    {"rescale i16 by table 784x128", rescale, 784, 128, false, i16, u8, u8, Activation::table},
};

void time_elementwise(const Filter& filter, const Elementwise& p) {
  ElementwiseShape s;
  s.kind = p.kind;
  s.channels = p.channels;
  s.b_is_one_pixel = p.gate;
  s.a = p.a;
  s.b = p.b;
  s.output = p.output;
  s.activation = p.activation;
  Rows a(1, p.pixels * p.channels * size_of(p.a)), b(1, p.pixels * p.channels * size_of(p.b));
  Rows y(1, p.pixels * p.channels * size_of(p.output));
  ElementwiseConstants k;
  ElementwiseArguments e;
  k.shape = s;
  e.constants = &k;
  k.epilogue = arrays.epilogue(p.output, p.activation, false);
  k.a_zero = k.b_zero = arrays.zero.data();
  k.b_multiplier = k.offset = arrays.small.data();
  e.a = {a.table(), p.channels * size_of(p.a)};
  e.b = {b.table(), p.channels * size_of(p.b)};
  e.output = {y.row.data(), p.channels * size_of(p.output)};
  e.rows = 1;
  e.width = p.pixels;
  each_row(filter, p.name, elementwise_kernels(), s, double{1} * p.pixels * p.channels, "value",
           [&](const ElementwiseKernel& kernel) {
             const Rows prepared = prepared_by(kernel, k);
             return fastest([&] { kernel.run(e); });
           });
}

struct Convolution {
  const char* name;
  int32_t inputs, outputs, groups, kernel, stride, size;
  ElementType input, output;
  Activation activation = Activation::none;
  bool residual = false;
};
constexpr Convolution convolutions[] = {
    {"pointwise 96-384 to u8 (28)", 96, 384, 1, 1, 1, 28, u8, u8},
    {"pointwise 96-384 to i16 (28)", 96, 384, 1, 1, 1, 28, u8, i16},
    {"pointwise 96-384 to i8 (28)", 96, 384, 1, 1, 1, 28, u8, i8},
    {"pointwise 96-384 table (28)", 96, 384, 1, 1, 1, 28, u8, u8, Activation::table},
    {"pointwise 384-96 i16 residual (28)", 384, 96, 1, 1, 1, 28, u8, i16, Activation::none, true},
    {"pointwise 96-384 from i16 (28)", 96, 384, 1, 1, 1, 28, i16, u8},
    {"dense 64-64 3x3 from i16 (28)", 64, 64, 1, 3, 1, 28, i16, u8},
    {"fc 384-1000 from i16", 384, 1000, 1, 1, 1, 1, i16, i16},
    {"grouped 128/32 3x3 from i16 (14)", 128, 128, 4, 3, 1, 14, i16, u8},
    {"depthwise 96 7x7 to i16 (56)", 96, 96, 96, 7, 1, 56, u8, i16},
    {"depthwise 96 7x7 to u8 (56)", 96, 96, 96, 7, 1, 56, u8, u8},
    {"depthwise 96 7x7 from i16 (56)", 96, 96, 96, 7, 1, 56, i16, u8},
    {"depthwise 192 3x3 from i16 (28)", 192, 192, 192, 3, 1, 28, i16, i16},
    {"depthwise 192 3x3 table (28)", 192, 192, 192, 3, 1, 28, u8, u8, Activation::table},
};

void time_convolution(const Filter& filter, const Convolution& p) {
  ConvolutionShape s;
  s.input_channels = p.inputs;
  s.output_channels = p.outputs;
  s.groups = p.groups;
  s.kernel_h = s.kernel_w = p.kernel;
  s.stride_h = s.stride_w = p.stride;
  s.input = p.input;
  s.output = p.output;
  s.activation = p.activation;
  s.has_residual = p.residual;
  s.output_height = s.output_width = p.size;
  const int32_t input_size = (p.size - 1) * p.stride + p.kernel;
  const size_t taps = static_cast<size_t>(p.kernel * p.kernel * (p.inputs / p.groups));
  const std::vector<int8_t> weights(static_cast<size_t>(p.outputs) * taps, 3);
  const std::vector<int32_t> bias(static_cast<size_t>(p.outputs), 100);
  Rows x(input_size, input_size * p.inputs * size_of(p.input));
  Rows y(p.size, p.size * p.outputs * size_of(p.output));
  Rows residual(p.size, p.size * p.outputs * size_of(p.output));
  ConvolutionConstants k;
  ConvolutionArguments a;
  k.shape = s;
  a.constants = &k;
  k.epilogue = arrays.epilogue(p.output, p.activation, p.residual);
  a.input = {x.table(), p.inputs * size_of(p.input)};
  a.output = {y.row.data(), p.outputs * size_of(p.output)};
  a.residual = {residual.table(), p.outputs * size_of(p.output)};
  a.output_rows = a.output_width = p.size;
  a.channel_end = p.outputs;
  const double macs = double{1} * p.size * p.size * p.outputs * static_cast<double>(taps);
  each_row(filter, p.name, convolution_kernels(), s, macs, "MAC",
           [&](const ConvolutionKernel& kernel) {
             Rows packed(1, static_cast<int64_t>(kernel.packed_bytes(s)));
             Rows scratch(1, static_cast<int64_t>(kernel.scratch_bytes(s)));
             const Rows prepared = prepared_by(kernel, k);
             kernel.pack(s, weights.data(), bias.data(), packed.row[0]);
             k.packed = packed.row[0];
             a.scratch = scratch.row[0];
             return fastest([&] { kernel.run(a); });
           });
}

// Convolutions in groups of channels: RegNetX-200MF's, RegNetX-400MF's and ResNeXt's, by what
// they read and write.
struct Grouped {
  int32_t channels, group, stride, size;
};
constexpr Grouped groups[] = {{24, 8, 2, 56},   {56, 8, 2, 28},  {152, 8, 1, 14}, {368, 8, 1, 7},
                              {160, 16, 1, 14}, {128, 4, 1, 28}, {256, 8, 1, 28}, {512, 16, 1, 14}};

void time_groups(const Filter& filter, const Grouped& p) {
  constexpr ElementType types[][2] = {{u8, u8}, {u8, i16}, {i16, u8}, {i16, i16}};
  for (const auto& [input, output] : types) {
    char name[64];
    std::snprintf(name, sizeof name, "grouped %d/%d 3x3%s%s%s (%d)", p.channels, p.group,
                  p.stride == 2 ? "/2" : "", input == i16 ? " from i16" : "",
                  output == i16 ? " to i16" : "", p.size);
    time_convolution(filter, {name, p.channels, p.channels, p.channels / p.group, 3, p.stride,
                              p.size, input, output});
  }
}

struct Resize {
  const char* name;
  int32_t size, channels;
  ElementType input, output;
};
constexpr Resize resizes[] = {
    {"resize x2 64 to 28x28", 28, 64, u8, u8},
    {"resize x2 64 from i16 to 28x28", 28, 64, i16, i16},
};

void time_resize(const Filter& filter, const Resize& p) {
  ResizeShape s;
  s.channels = p.channels;
  s.input = p.input;
  s.output = p.output;
  const int32_t half = p.size / 2;
  Rows x(half, half * p.channels * size_of(p.input));
  Rows y(p.size, p.size * p.channels * size_of(p.output));
  std::vector<const std::byte*> upper, lower;
  std::vector<int32_t> index, next, weight;
  for (int32_t i = 0; i < p.size; ++i) {
    index.push_back(i / 2);
    next.push_back(i / 2 + 1 < half ? i / 2 + 1 : i / 2);
    weight.push_back(i % 2 == 0 ? 32 : 96);
    upper.push_back(x.row[static_cast<size_t>(index.back())]);
    lower.push_back(x.row[static_cast<size_t>(next.back())]);
  }
  ResizeConstants k;
  ResizeArguments z;
  k.shape = s;
  z.constants = &k;
  k.epilogue = arrays.epilogue(p.output, Activation::none, false);
  k.input_zero = arrays.zero.data();
  z.upper = {upper.data(), p.channels * size_of(p.input)};
  z.lower = {lower.data(), p.channels * size_of(p.input)};
  z.output = {y.row.data(), p.channels * size_of(p.output)};
  z.rows = z.width = p.size;
  z.row_weight = k.column_weight = weight.data();
  k.column = index.data();
  k.next_column = next.data();
  each_row(filter, p.name, resize_kernels(), s, double{1} * p.size * p.size * p.channels, "value",
           [&](const ResizeKernel& kernel) { return fastest([&] { kernel.run(z); }); });
}

struct Permute {
  const char* name;
  std::vector<int32_t> dims, perm;
  int32_t element_bytes;
};

const std::vector<Permute>& permutes() {
  static const std::vector<Permute> all = {
      {"permute heads 196x6x64", {196, 6, 64}, {1, 0, 2}, 1},
      {"permute transposed 196x6x64", {196, 6, 64}, {1, 2, 0}, 1},
      {"permute transposed 197x3x64", {197, 3, 64}, {1, 2, 0}, 1},
      {"permute transposed i16 196x6x64", {196, 6, 64}, {1, 2, 0}, 2},
      {"permute windows 56x56x96", {8, 7, 8, 7, 96}, {0, 2, 1, 3, 4}, 1},
  };
  return all;
}

void time_permute(const Filter& filter, const Permute& p) {
  if (!filter.takes(p.name, "runtime")) return;
  int32_t elements = 1;
  for (const int32_t size : p.dims) elements *= size;
  runtime::TensorLayout dense;
  dense.height = 1;
  dense.width = elements;
  dense.channels = 1;
  dense.element_bytes = p.element_bytes;
  dense.pixel_bytes = p.element_bytes;
  dense.row_bytes = ptrdiff_t{elements} * p.element_bytes;
  Rows x(1, dense.row_bytes), y(1, dense.row_bytes);
  const runtime::Permutation order = runtime::analyse_permute(p.dims, p.perm, dense, dense);
  const double seconds =
      fastest([&] { runtime::permute(x.row[0], dense, y.row[0], dense, order, 0, order.runs); });
  std::printf("%-34s %-28s %9.1f us %8.2f value/ns\n", p.name, "runtime", seconds * 1e6,
              elements / seconds * 1e-9);
}

}  // namespace

int main(int argc, char** argv) {
  const Filter filter{argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : ""};
  for (const Product& p : products) time_product(filter, p);
  for (const Normal& p : normals) time_normal(filter, p);
  for (const Elementwise& p : elementwises) time_elementwise(filter, p);
  for (const Convolution& p : convolutions) time_convolution(filter, p);
  for (const Grouped& p : groups) time_groups(filter, p);
  for (const Resize& p : resizes) time_resize(filter, p);
  for (const Permute& p : permutes()) time_permute(filter, p);
}
