// The integer micro-kernels: what every one of them is handed and promises.
//
// kernels/reference is docs/numerics.md in plain C++; every other folder computes
// the same bits faster. A kernel is a function of its arguments alone: no
// allocation, no state, no globals, no CPU detection. It knows nothing of graphs,
// plans or threads. Adding one is one file and one row in its folder's table.
//
// Each kind has a shape, by which a row is chosen; constants, which are what all runs of a step
// share and are made once, at load; and arguments, which point to the constants and say where the
// rows of one run are. What a kernel would else find out anew in each run, it writes once as well:
// `pack` of the weights, `prepare` of the constants. Both get 64-byte aligned memory with anything
// in it, of packed_bytes and prepared_bytes of the shape; what `prepare` wrote is found where it
// was written. A kernel that has nothing to prepare leaves both of its functions null.
//
// Memory. Tensors are NHWC; a kernel sees them through tables of row pointers, so
// that a ring of rows serves as well as a whole tensor. Pixels of a row are
// `pixel_bytes` apart (a slice of a wider tensor has larger steps). Where a
// convolution pads, the columns left and right of a row exist and hold the
// zero points of their channels, and rows above and below are pointers to a row of
// zero points: no kernel branches on a border. Behind the last pixel of a row come
// at least `slack_bytes` that may be read, never used and never written; the same
// holds behind packed weights. Packed weights and per-channel arrays are 64-byte
// aligned, pixels only to their element. Channel indices are absolute: rows, weights and
// per-channel arrays start at channel 0 also when channel_begin is not 0, and only
// the channels [channel_begin, channel_end) of an output pixel are written. What is written lies
// apart from a convolution's input and residual: a pixel may be read again after it is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/isa.h"
#include "plan/plan.h"

namespace octavo::kernels {

inline constexpr int slack_bytes = 64;
// Per-channel arrays are readable up to the next multiple of this many channels, and slack_bytes
// more: a whole vector may be read from any channel on.
inline constexpr int channel_round = 64;

struct InputRows {
  const std::byte* const* row = nullptr;
  ptrdiff_t pixel_bytes = 0;
};
struct OutputRows {
  std::byte* const* row = nullptr;
  ptrdiff_t pixel_bytes = 0;
};

// An Epilogue with every vector expanded to one entry a channel (zero-filled up to
// channel_round), so that kernels never ask whether there is one or many.
struct EpilogueArrays {
  Activation activation = Activation::none;
  float alpha = 0, beta = 0;
  const float* multiplier = nullptr;           // m[c], or a[c] before an activation
  const float* output_multiplier = nullptr;    // r[c]; null without activation
  const int16_t* table = nullptr;              // 65 knots, then 63 zeros; null without table
  const float* residual_multiplier = nullptr;  // null without residual
  const int32_t* residual_zero = nullptr;
  const float* lo = nullptr;           // float(lo[c] - z[c])
  const float* hi = nullptr;           // float(hi[c] - z[c])
  const int32_t* zero = nullptr;       // z[c] of the output
  const float* largest_sum = nullptr;  // what |float(acc)| keeps to, if more is known than 2^31
  ElementType output = ElementType::u8;
  ElementType residual = ElementType::u8;
};

struct ConvolutionShape {
  int32_t input_channels = 0, output_channels = 0, groups = 1;
  int32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  ElementType input = ElementType::u8, output = ElementType::u8;
  Activation activation = Activation::none;
  bool has_residual = false;
  ElementType residual = ElementType::u8;
  ElementType weights = ElementType::i8;  // i16 only where the input is u16
  // What a run meets at most: rows and columns of the output (where the map is one row to its
  // kernel, of that row), and whether the input's pixels lie apart, in a wider tensor.
  int32_t output_height = 1, output_width = 1;
  bool input_is_slice = false;
  int32_t run_rows = 0;  // how many rows most runs are of, where maps go by parts; 0: all

  bool depthwise() const { return groups == input_channels && groups == output_channels; }
  bool pointwise() const { return kernel_h == 1 && kernel_w == 1; }
};

struct ConvolutionConstants {
  ConvolutionShape shape;
  EpilogueArrays epilogue;
  const std::byte* packed = nullptr;    // by this kernel's pack
  const std::byte* prepared = nullptr;  // by its prepare
};

struct ConvolutionArguments {
  const ConvolutionConstants* constants = nullptr;
  // Row r * stride_h + k * dilation_h is read for output row r and kernel row k; a
  // pointer is to the column -pad_left, so that output column x reads the stored
  // columns x * stride_w + k * dilation_w.
  InputRows input;
  OutputRows output;
  InputRows residual;  // rows as output's
  int32_t output_rows = 0, output_width = 0;
  int32_t channel_begin = 0, channel_end = 0;  // of the output; begin is a multiple of channel_step
  std::byte* scratch = nullptr;                // scratch_bytes of the kernel, 64-byte aligned
};

struct ConvolutionKernel {
  const char* name;  // "avx512vnni_pointwise": what --layers and tests print
  FeatureSet requires_features;
  bool (*accepts)(const ConvolutionShape&);
  int32_t channel_step;  // work is split over threads at multiples of this
  size_t (*packed_bytes)(const ConvolutionShape&);
  // weights [o, kh, kw, c / groups], bias [o] as in the plan, halves where it has them; integer
  // work only.
  void (*pack)(const ConvolutionShape&, const int8_t* weights, const int32_t* bias,
               std::byte* packed);
  size_t (*prepared_bytes)(const ConvolutionShape&);
  void (*prepare)(const ConvolutionConstants&, std::byte* prepared);
  size_t (*scratch_bytes)(const ConvolutionShape&);  // see scratch.h
  void (*run)(const ConvolutionArguments&);
  bool takes_u16 = false;  // accepts() is asked of shapes with u16 too
};

struct PoolShape {
  int32_t channels = 0;
  PoolStep::Kind kind = PoolStep::Kind::average;
  ElementType input = ElementType::u8, output = ElementType::u8;
};

// The window of column x of the output covers the columns [column_begin[x], column_end[x]) of the
// map, one at least.
struct PoolConstants {
  PoolShape shape;
  EpilogueArrays epilogue;
  const int32_t* input_zero = nullptr;
  const int32_t *column_begin = nullptr, *column_end = nullptr, *column_count = nullptr;
};

struct PoolArguments {
  const PoolConstants* constants = nullptr;
  InputRows input;  // of the map alone, without padding
  OutputRows output;
  int32_t output_rows = 0, output_width = 0;
  // The window of output row r covers the rows [row_begin[r], row_end[r]) of the map, one at
  // least. An average divides by row_count[r] * column_count[x].
  const int32_t *row_begin = nullptr, *row_end = nullptr, *row_count = nullptr;
  int32_t channel_begin = 0, channel_end = 0;
};

struct PoolKernel {
  const char* name;
  FeatureSet requires_features;
  bool (*accepts)(const PoolShape&);
  void (*run)(const PoolArguments&);
  bool takes_u16 = false;  // accepts() is asked of shapes with u16 too
};

// Add, multiply, divide (also by a gate [n, 1, 1, c]) and rescale.
struct ElementwiseShape {
  enum class Kind : uint8_t { add, multiply, divide, rescale } kind = Kind::add;
  int32_t channels = 0;
  bool b_is_one_pixel = false;  // b [n, 1, 1, c]: its row has one pixel, for every column
  ElementType a = ElementType::u8, b = ElementType::u8, output = ElementType::u8;
  Activation activation = Activation::none;
};

struct ElementwiseConstants {
  ElementwiseShape shape;
  EpilogueArrays epilogue;
  const int32_t* a_zero = nullptr;
  const int32_t* b_zero = nullptr;      // null for rescale
  const float* b_multiplier = nullptr;  // add only
  const float* offset = nullptr;        // rescale only
  const std::byte* prepared = nullptr;  // by this kernel's prepare
};

struct ElementwiseArguments {
  const ElementwiseConstants* constants = nullptr;
  InputRows a, b;
  OutputRows output;
  int32_t rows = 0, width = 0;
};

struct ElementwiseKernel {
  const char* name;
  FeatureSet requires_features;
  bool (*accepts)(const ElementwiseShape&);
  size_t (*prepared_bytes)(const ElementwiseShape&);
  void (*prepare)(const ElementwiseConstants&, std::byte* prepared);
  void (*run)(const ElementwiseArguments&);
  bool takes_u16 = false;  // accepts() is asked of shapes with u16 too
};

// Over the channels of each pixel of a tensor with one zero point.
struct NormalizeShape {
  // long_softmax: by exponentials of 2^30 instead of 2^15.
  enum class Kind : uint8_t { layer_norm, l2, softmax, long_softmax } kind = Kind::layer_norm;
  int32_t channels = 0;
  ElementType input = ElementType::u8, output = ElementType::u8;
  Activation activation = Activation::none;
};

struct NormalizeConstants {
  NormalizeShape shape;
  EpilogueArrays epilogue;
  int32_t input_zero = 0;
  float least = 0;                // epsilon of a layer norm, floor of an L2 normalization
  const float* offset = nullptr;  // layer norm only
  // Softmax only: 256 entries and 64 of slack, the first of each 2^15.
  const uint16_t *coarse = nullptr, *fine = nullptr;
  const uint32_t *long_coarse = nullptr, *long_fine = nullptr;  // long_softmax: 2^30 instead
  const std::byte* prepared = nullptr;                          // by this kernel's prepare
};

struct NormalizeArguments {
  const NormalizeConstants* constants = nullptr;
  InputRows input;
  OutputRows output;
  int32_t rows = 0, width = 0;
};

struct NormalizeKernel {
  const char* name;
  FeatureSet requires_features;
  bool (*accepts)(const NormalizeShape&);
  size_t (*prepared_bytes)(const NormalizeShape&);
  void (*prepare)(const NormalizeConstants&, std::byte* prepared);
  void (*run)(const NormalizeArguments&);
  bool takes_u16 = false;  // accepts() is asked of shapes with u16 too
};

// The product of two activations: a row of `a` (pixels of `depth` channels, one zero point)
// by the same row of `b`: `depth` pixels of `channels`, or transposed the other way round. b is i8,
// or as a quantized file stores it, with one zero point; sums of these are wider than 32 bits.
struct MatMulShape {
  int32_t depth = 0, channels = 0;
  bool transpose_b = false;
  ElementType a = ElementType::u8, b = ElementType::i8, output = ElementType::u8;
  Activation activation = Activation::none;
  bool has_residual = false;
  ElementType residual = ElementType::u8;
  int32_t width = 1;  // of a row at most
};

struct MatMulConstants {
  MatMulShape shape;
  EpilogueArrays epilogue;
  int32_t a_zero = 0, b_zero = 0;
  const std::byte* prepared = nullptr;  // by this kernel's prepare
};

struct MatMulArguments {
  const MatMulConstants* constants = nullptr;
  InputRows a, b, residual;
  OutputRows output;
  int32_t rows = 0, width = 0;
  std::byte* scratch = nullptr;  // scratch_bytes of the kernel, 64-byte aligned
};

struct MatMulKernel {
  const char* name;
  FeatureSet requires_features;
  bool (*accepts)(const MatMulShape&);
  size_t (*prepared_bytes)(const MatMulShape&);
  void (*prepare)(const MatMulConstants&, std::byte* prepared);
  size_t (*scratch_bytes)(const MatMulShape&);
  void (*run)(const MatMulArguments&);
  bool takes_u16 = false;        // accepts() is asked of shapes with u16 too
  bool takes_any_right = false;  // and of a right operand of another type than i8
};

struct ResizeShape {
  int32_t channels = 0;
  ElementType input = ElementType::u8, output = ElementType::u8;
  Activation activation = Activation::none;
};

// Output column x lies between the columns column[x] and next_column[x].
struct ResizeConstants {
  ResizeShape shape;
  EpilogueArrays epilogue;
  const int32_t* input_zero = nullptr;
  const int32_t *column = nullptr, *next_column = nullptr;
  const int32_t* column_weight = nullptr;  // of the second, of 128
};

// Output row r lies between the rows upper.row[r] and lower.row[r] (pointers to column 0).
struct ResizeArguments {
  const ResizeConstants* constants = nullptr;
  InputRows upper, lower;  // of one pixel_bytes
  OutputRows output;
  int32_t rows = 0, width = 0;
  const int32_t* row_weight = nullptr;  // of the second, of 128
};

struct ResizeKernel {
  const char* name;
  FeatureSet requires_features;
  bool (*accepts)(const ResizeShape&);
  void (*run)(const ResizeArguments&);
  bool takes_u16 = false;  // accepts() is asked of shapes with u16 too
};

// All kernels that this build holds, best first, the reference last; a caller takes
// the first whose features are allowed and that accepts the shape.
std::span<const ConvolutionKernel> convolution_kernels();
std::span<const PoolKernel> pool_kernels();
std::span<const ElementwiseKernel> elementwise_kernels();
std::span<const NormalizeKernel> normalize_kernels();
std::span<const MatMulKernel> matmul_kernels();
std::span<const ResizeKernel> resize_kernels();

// Whether the row runs the shape: it knows its types and accepts it.
bool takes(const ConvolutionKernel& kernel, const ConvolutionShape& shape);
bool takes(const PoolKernel& kernel, const PoolShape& shape);
bool takes(const ElementwiseKernel& kernel, const ElementwiseShape& shape);
bool takes(const NormalizeKernel& kernel, const NormalizeShape& shape);
bool takes(const MatMulKernel& kernel, const MatMulShape& shape);
bool takes(const ResizeKernel& kernel, const ResizeShape& shape);

const ConvolutionKernel& choose(const ConvolutionShape& shape, FeatureSet allowed);
const PoolKernel& choose(const PoolShape& shape, FeatureSet allowed);
const ElementwiseKernel& choose(const ElementwiseShape& shape, FeatureSet allowed);
const NormalizeKernel& choose(const NormalizeShape& shape, FeatureSet allowed);
const MatMulKernel& choose(const MatMulShape& shape, FeatureSet allowed);
const ResizeKernel& choose(const ResizeShape& shape, FeatureSet allowed);

}  // namespace octavo::kernels
