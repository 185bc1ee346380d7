// A plan: the integer network as data. docs/numerics.md defines what every step
// computes, to the bit; this file only says how it is written down.
//
// A plan is a DAG of steps without addresses, buffer reuse, order beyond the
// dependencies or any ISA's layout. source/quantize makes it, source/plan stores,
// loads and verifies it, source/runtime executes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/output_kind.h"
#include "base/result.h"
#include "plan/preprocess.h"

namespace octavo {

// i8 is the right operand of a product of two activations, where no file says otherwise: zero
// point 0, -127..127. u16 is what
// quantized files store in 16 bits: any zero point, 0..65535.
enum class ElementType : uint8_t { u8 = 0, i8 = 1, i16 = 2, f32 = 3, u16 = 4 };

struct PlanTensor {
  std::string name;
  // [n, h, w, c]. n is 1 but for what a step makes of one picture, its windows for example;
  // each of the n maps is then computed, and padded, on its own.
  std::array<int32_t, 4> shape{1, 1, 1, 1};
  ElementType type = ElementType::u8;
  // real = (stored - zero_point) * scale; one entry, or one a channel. Scales are
  // information (steps carry their own multipliers); zero points are also what
  // padding holds. i8, i16 and f32 have zero point 0.
  std::vector<float> scale{1.0f};
  std::vector<int32_t> zero_point{0};

  bool operator==(const PlanTensor&) const = default;
};

enum class Activation : uint8_t {
  none = 0,          // clamping of the stored value does ReLU and ReLU6
  clip = 1,          // f -> min(max(f, alpha), beta)
  hard_swish = 2,    // f -> f * min(max(f * alpha + beta, 0), 1)
  hard_sigmoid = 3,  // f -> min(max(f * alpha + beta, 0), 1)
  table = 4,         // piecewise linear over a 16-bit argument: SiLU, GELU, sigmoid, tanh, ...
};

// One rounding: real-valued f (docs/numerics.md, "The epilogue") to the stored value.
//   none:  t = f                        where multiplier already ends in output units
//   else:  t = act(f) * output_multiplier
//   t += float(x - zero_x) * residual_multiplier          if there is a residual: of the output's
//                                                         shape, or [1, 1, 1, c], for every pixel
//   stored = int(rint(min(max(t, lo - z), hi - z))) + z   z: zero point of the output
// Vectors have one entry, or one an output channel. An f32 output stores t itself.
struct Epilogue {
  std::vector<float> multiplier{1.0f};
  Activation activation = Activation::none;
  float alpha = 0, beta = 0;
  std::vector<float> output_multiplier;    // empty exactly when activation is none
  std::vector<int16_t> table;              // 65 knots; empty unless activation is table
  bool has_residual = false;               // then the step's last input is the residual
  std::vector<float> residual_multiplier;  // empty without residual
  std::vector<int32_t> lo{0}, hi{255};     // within the output's type

  bool operator==(const Epilogue&) const = default;
};

// inputs: x, [residual]. acc[o] = bias[o] + sum w * stored(x); zero points are folded
// into bias; padding holds the zero point of x's channel. acc fits int32, but for x of u16.
struct ConvolutionStep {
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};  // vertical, horizontal
  std::array<int32_t, 4> pads{0, 0, 0, 0};                            // top, left, bottom, right
  int32_t groups = 1;
  std::vector<int8_t> weights;  // [o, kh, kw, c / groups]
  std::vector<int32_t> bias;    // [o]
  Epilogue epilogue;            // f = float(acc[o]) * multiplier[o]
  // i16, of quantized files and where x is u16: weights of 16 bits and biases of 64, each in two
  // entries of these arrays, the lower half first.
  ElementType weight_type = ElementType::i8;

  bool operator==(const ConvolutionStep&) const = default;
};
// Of either type of weights.
int32_t weight_of(const ConvolutionStep& step, size_t index);
int64_t bias_of(const ConvolutionStep& step, size_t output);

// inputs: x. Output channels have x's zero points for maximum (the stored maximum
// is taken). average: sum over the counted pixels of (q - z), exact in int32;
// f = (float(sum) * multiplier[c]) * (1.0f / float(count)).
struct PoolStep {
  enum class Kind : uint8_t { maximum = 0, average = 1 } kind = Kind::average;
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};  // the overhang of ceil_mode is not padding
  bool count_include_pad = false;
  Epilogue epilogue;  // maximum: unused

  bool operator==(const PoolStep&) const = default;
};

// inputs: a, b of one shape, or b [n, 1, 1, c].
// f = float(a - za[c]) * multiplier[c] + float(b - zb[c]) * b_multiplier[c].
struct AddStep {
  std::vector<float> b_multiplier{1.0f};
  Epilogue epilogue;

  bool operator==(const AddStep&) const = default;
};

// inputs: a, b of one shape, or b [n, 1, 1, c] (a gate).
// f = float((a - za[c]) * (b - zb[c])) * multiplier[c], the product exact (int32 without u16).
struct MultiplyStep {
  Epilogue epilogue;

  bool operator==(const MultiplyStep&) const = default;
};

// inputs: a, b of one shape, or b [n, 1, 1, c].
// f = (float(a - za[c]) * multiplier[c]) / (b == zb[c] ? 0.5f : float(b - zb[c])).
struct DivideStep {
  Epilogue epilogue;

  bool operator==(const DivideStep&) const = default;
};

// inputs: x. f = float(x - zx[c]) * multiplier[c] + offset[c].
struct RescaleStep {
  std::vector<float> offset{0.0f};
  Epilogue epilogue;

  bool operator==(const RescaleStep&) const = default;
};

// inputs: x. out[..., i] = x[..., channels[i]]; scales and zero points move along.
// Channel shuffle, split and slice.
struct GatherStep {
  std::vector<int32_t> channels;

  bool operator==(const GatherStep&) const = default;
};

// inputs: one or more of equal n, h, w. Along channels; scales and zero points move along.
struct ConcatStep {
  bool operator==(const ConcatStep&) const = default;
};

// input: x. Same elements in the same row-major order under another shape; only
// where scale and zero point are one a tensor or the channel count stays.
struct ReshapeStep {
  bool operator==(const ReshapeStep&) const = default;
};

// input: x, one scale and zero point a tensor. Over the channels of each pixel, C of them:
// d[c] = C * (x[c] - z) - S1, V = C * S2 - S1 * S1, with S1 and S2 the sums of x - z and of
// its square; f = (float(d[c]) * (1.0f / sqrt(float(V) + epsilon))) * multiplier[c] + offset[c].
struct LayerNormStep {
  float epsilon = 1;  // the network's, times C^2 / scale^2
  std::vector<float> offset{0.0f};
  Epilogue epilogue;

  bool operator==(const LayerNormStep&) const = default;
};

// input: x, one scale and zero point a tensor. With S2 as above,
// f = float(x[c] - z) * (multiplier[c] / max(sqrt(float(S2)), floor)).
struct L2NormalizeStep {
  float floor = 1;  // the network's, divided by the scale
  Epilogue epilogue;

  bool operator==(const L2NormalizeStep&) const = default;
};

// input: x, one scale and zero point a tensor. d = max x - x[c] over the channels of the
// pixel; e[c] = (coarse[d >> 8] * fine[d & 255] + 2^14) >> 15, or of long exponentials
// (coarse[d >> 8] * fine[d & 255] + 2^29) >> 30; f = float(e[c]) * (multiplier[c] / float(sum e)).
struct SoftmaxStep {
  // 256 numbers: rint(2^15 exp(-256 i scale)), (-i scale). Long ones are rint(2^30 ...), two
  // entries each, the lower half first.
  std::vector<uint16_t> coarse, fine;
  Epilogue epilogue;

  bool operator==(const SoftmaxStep&) const = default;
};
// Of quantized files.
bool has_long_exponentials(const SoftmaxStep& step);
// The numbers of a table of long ones.
std::vector<uint32_t> long_exponentials(const std::vector<uint16_t>& table);

// inputs: a [n, h, w, k] of one scale and zero point, b [n, h, k, c], or [n, h, c, k] where
// it is transposed, [residual]. b is i8, or of another type with one scale and zero point.
// A product for each n and h: acc = sum over k of (a - za) * (b - zb); f = float(acc) *
// multiplier[c].
struct MatMulStep {
  bool transpose_b = false;
  Epilogue epilogue;

  bool operator==(const MatMulStep&) const = default;
};

// input: x. Two neighbours a direction: rows row[y] and min(row[y] + 1, h - 1) with the weights
// 128 - row_weight[y] and row_weight[y], columns alike. acc = sum of wy * wx * (x - z[c]);
// f = float(acc) * multiplier[c].
struct ResizeStep {
  std::vector<int32_t> row, row_weight;        // one entry an output row
  std::vector<int32_t> column, column_weight;  // one entry an output column
  Epilogue epilogue;

  bool operator==(const ResizeStep&) const = default;
};

// input: x. Its values in row-major order under the dimensions `dims` (1 to 6 of them); axis i
// of the output is axis perm[i] of these; stored row-major. Only where scale and zero
// point are one a tensor, or the channels stay the last axis.
struct PermuteStep {
  std::vector<int32_t> dims, perm;

  bool operator==(const PermuteStep&) const = default;
};

// No input. The stored values of the output, row-major; those of u16 as the int16 of the same bits.
struct ConstantStep {
  std::vector<int16_t> values;

  bool operator==(const ConstantStep&) const = default;
};

// input: x, u8 or u16. out[..., c] = table[256 * c + x], or table[x] where one of 256 entries
// (65536 for u16, always) serves all channels; entries as in ConstantStep.
struct LookupStep {
  std::vector<int16_t> table;

  bool operator==(const LookupStep&) const = default;
};

// Each is described once more in step_traits.h: its name, operands and fields.
using StepOperator =
    std::variant<ConvolutionStep, PoolStep, AddStep, MultiplyStep, RescaleStep, GatherStep,
                 ConcatStep, ReshapeStep, LayerNormStep, L2NormalizeStep, SoftmaxStep, MatMulStep,
                 ResizeStep, PermuteStep, ConstantStep, LookupStep, DivideStep>;

struct Step {
  std::string name;                 // of the node that gives the output, as in the file
  std::vector<std::string> merged;  // the other nodes that this step performs
  StepOperator op;
  std::vector<uint32_t> inputs;  // indices into Plan::tensors
  uint32_t output = 0;

  bool operator==(const Step&) const = default;
};

// Where a plan comes from. Hashes are lower-case hex; no paths, no time stamps.
struct Provenance {
  std::string tool_version;
  std::string model_sha256, calibration_sha256;
  int32_t calibration_pictures = 0;
  std::string options;          // of `build`, as canonical JSON
  std::string calibration_isa;  // float statistics may differ from ISA to ISA

  bool operator==(const Provenance&) const = default;
};

// What quantization cost at one step, measured on calibration pictures.
struct StepReport {
  uint32_t step = 0;
  float cosine = 1;        // of the dequantized output to float, all steps quantized
  float sqnr_db = 0;       // the same, as signal over noise
  float cosine_alone = 1;  // only this step quantized
  float sqnr_alone_db = 0;

  bool operator==(const StepReport&) const = default;
};

// A picture of noise from a seed, and the digest of the reference's logits for it.
struct Golden {
  uint64_t seed = 0;
  uint64_t logits_xxh3 = 0;

  bool operator==(const Golden&) const = default;
};

struct Plan {
  std::vector<PlanTensor> tensors;
  std::vector<Step> steps;    // topological
  uint32_t input = 0;         // u8 picture [1, h, w, c], or an ordinary quantized input
  uint32_t output = 0;        // f32 [1, 1, 1, classes]
  bool picture_input = true;  // a float input enters as clamp(rint(x*std + mean)); else by scale
  bool softmax_removed = false;
  OutputKind output_kind = OutputKind::logits;
  Preprocess preprocess;
  std::vector<std::string> labels;  // empty, or one a class (two where there is one output)
  Provenance provenance;
  std::vector<StepReport> report;
  std::vector<Golden> golden;

  bool operator==(const Plan&) const = default;
};

std::string_view step_operator_name(const StepOperator& op);  // "convolution", "add", ...
// By shapes alone: a program's plan has let its weights go.
int64_t step_macs(const Plan& plan, const Step& step);
int64_t step_parameters(const Plan& plan, const Step& step);

// Everything that the runtime takes for granted (docs/numerics.md, "What is verified"):
// indices, order, shapes, types, vector lengths, finite multipliers of at least
// 2^-100, clamps inside their type, and for every channel the proof that no partial
// sum leaves int32. Needed before a plan is executed, wherever it comes from.
Status verify(const Plan& plan);

// The file: header, FlatBuffer, constants (docs/plan-format.md). The same plan
// gives the same bytes.
std::vector<std::byte> serialize(const Plan& plan);
// Checks every size and offset before use, then verify(). The Error names what was
// found where. `bytes` may be anything.
Result<Plan> deserialize(std::span<const std::byte> bytes);

Result<Plan> read_plan(const std::string& path);
// Written beside the target and renamed. Fails if the target exists, unless overwrite.
Status write_plan(const Plan& plan, const std::string& path, bool overwrite);

}  // namespace octavo
