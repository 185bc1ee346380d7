#include "quantize/lower.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "graph/resize_taps.h"
#include "plan/element_type.h"
#include "quantize/lookup.h"
#include "quantize/residual_shift.h"

namespace octavo {

namespace {

template <class Value>
std::vector<Value> shortest(std::vector<Value> values) {
  const bool same =
      std::all_of(values.begin(), values.end(), [&](Value v) { return v == values[0]; });
  if (same) values.resize(1);
  return values;
}

std::vector<float> to_floats(const std::vector<double>& values) {
  return shortest(std::vector<float>(values.begin(), values.end()));
}

bool has_one_scale(const StoredTensor& tensor) {
  for (size_t c = 1; c < tensor.scale.size(); ++c) {
    if (tensor.scale[c] != tensor.scale[0] || tensor.zero_point[c] != tensor.zero_point[0]) {
      return false;
    }
  }
  return true;
}

// Activation arguments and results are real numbers, or a table's units.
struct Units {
  double argument = 1, result = 1;
};

// Of a field that has one value for all channels or one for each.
float of_channel(const std::vector<float>& values, size_t c) {
  return values[values.size() == 1 ? 0 : c];
}

class Lowering {
 public:
  Lowering(const PassInputs& inputs, const Quantization& quantized)
      : network_(inputs.network),
        graph_(network_.graph),
        formed_(network_.formed),
        quantized_(quantized),
        how_(inputs.how),
        index_(graph_.tensors.size(), UINT32_MAX) {}

  Result<Plan> run() {
    plan_.picture_input = how_ != nullptr;
    if (how_ != nullptr) plan_.preprocess = *how_;
    plan_.softmax_removed = graph_.softmax_removed;
    plan_.output_kind = graph_.output_kind;
    plan_.input = tensor(graph_.input);
    for (size_t s = 0; s < formed_.steps.size(); ++s) lower_step(s);
    plan_.output = index_[network_.logits()];
    if (const Status status = verify(plan_); !status) {
      return failed(
          concat("the quantizer made a plan that does not verify: ", status.error().message));
    }
    return std::move(plan_);
  }

 private:
  uint32_t tensor(TensorId t) {
    if (index_[t] != UINT32_MAX) return index_[t];
    PlanTensor out;
    out.name = graph_.tensors[t].name;
    out.shape = *stored_shape(graph_.tensors[t].shape);
    if (t == network_.logits()) {
      out.type = ElementType::f32;
      out.shape = {1, 1, 1, static_cast<int32_t>(element_count(graph_.tensors[t].shape))};
    } else {
      const StoredTensor& stored = quantized_.tensors[t];
      out.type = stored.type;
      out.scale = to_floats(stored.scale);
      out.zero_point = shortest(stored.zero_point);
    }
    plan_.tensors.push_back(std::move(out));
    return index_[t] = static_cast<uint32_t>(plan_.tensors.size() - 1);
  }

  bool to_logits(const FormedStep& step) const { return step.output == network_.logits(); }

  // In output units a real 1 is this much.
  double per_real(const FormedStep& step, size_t c) const {
    return to_logits(step) ? 1.0 : 1.0 / quantized_.tensors[step.output].scale[c];
  }

  // A real value in output units. Where the file says both scales, with the roundings to float
  // of ONNX Runtime's kernels, (sx * sw) / sy: quantized networks are chaotic enough that a
  // multiplier off by its last bit moves logits by several of their steps.
  double output_units(const FormedStep& step, double real, size_t c) const {
    if (!step.rounding || to_logits(step)) return real * per_real(step, c);
    return static_cast<float>(real) / static_cast<float>(quantized_.tensors[step.output].scale[c]);
  }

  double input_scale(const FormedStep& step, size_t input, size_t c) const {
    return quantized_.tensors[step.inputs[input]].scale[c];
  }

  // real[c]: the real value of one unit of what the step counts, in output channel c.
  Epilogue epilogue(size_t s, const std::vector<double>& real) const {
    const FormedStep& step = formed_.steps[s];
    const auto clamp_as_activation =
        to_logits(step) && (std::isfinite(step.lo) || std::isfinite(step.hi));
    Epilogue out;
    std::vector<double> multiplier(real), result(real.size());
    const Units units = set_activation(out, step, s, clamp_as_activation);
    for (size_t c = 0; c < real.size(); ++c) {
      multiplier[c] = out.activation == Activation::none ? output_units(step, real[c], c)
                                                         : real[c] / units.argument;
      result[c] = units.result * per_real(step, c);
    }
    out.multiplier = to_floats(multiplier);
    if (out.activation != Activation::none) out.output_multiplier = to_floats(result);
    if (step.has_residual) {
      std::vector<double> residual(real.size());
      for (size_t c = 0; c < real.size(); ++c) {
        residual[c] = input_scale(step, step.inputs.size() - 1, c) * per_real(step, c);
      }
      out.has_residual = true;
      out.residual_multiplier = to_floats(residual);
    }
    set_clamp(out, step, real.size());
    return out;
  }

  Units set_activation(Epilogue& out, const FormedStep& step, size_t s,
                       bool clamp_as_activation) const {
    constexpr float largest = std::numeric_limits<float>::max();
    if (clamp_as_activation) {
      out.activation = Activation::clip;
      out.alpha = std::max(step.lo, -largest);
      out.beta = std::min(step.hi, largest);
      return {};
    }
    if (!step.activation) return {};
    const Unary& unary = *step.activation;
    if (quantized_.tables[s]) {
      out.activation = Activation::table;
      out.table.assign(quantized_.tables[s]->knots.begin(), quantized_.tables[s]->knots.end());
      return {quantized_.tables[s]->argument_unit, quantized_.tables[s]->result_unit};
    }
    switch (unary.kind) {
      case Unary::Kind::hard_swish:
        out.activation = Activation::hard_swish;
        out.alpha = 1.0f / 6.0f;
        out.beta = 0.5f;
        break;
      case Unary::Kind::hard_sigmoid:
        out.activation = Activation::hard_sigmoid;
        out.alpha = unary.alpha;
        out.beta = unary.beta;
        break;
      default: {  // relu or clip before a residual
        const auto [lo, hi] = activation_bounds(unary);
        out.activation = Activation::clip;
        out.alpha = std::max(lo, -largest);
        out.beta = std::min(hi, largest);
      }
    }
    return {};
  }

  void set_clamp(Epilogue& out, const FormedStep& step, size_t channels) const {
    if (to_logits(step)) return;
    const StoredTensor& stored = quantized_.tensors[step.output];
    out.lo.clear();
    out.hi.clear();
    for (size_t c = 0; c < channels; ++c) {
      const StoredLevels clamp = stored_clamp(step, stored, c);
      out.lo.push_back(clamp.lo);
      out.hi.push_back(clamp.hi);
    }
    out.lo = shortest(std::move(out.lo));
    out.hi = shortest(std::move(out.hi));
  }

  void lower_step(size_t s) {
    const FormedStep& step = formed_.steps[s];
    Step out;
    out.op = operation(s);
    for (const uint32_t n : step.nodes) {
      const Node& node = graph_.nodes[n];
      if (n != step.nodes.back()) out.merged.push_back(node.name);
      out.merged.insert(out.merged.end(), node.merged.begin(), node.merged.end());
    }
    out.name = step.nodes.empty() ? graph_.tensors[step.output].name
                                  : graph_.nodes[step.nodes.back()].name;
    for (const TensorId input : step.inputs) out.inputs.push_back(tensor(input));
    add_bias_rest(s, out);
    if (!quantized_.convolutions[s].identity.empty()) out.inputs.push_back(out.inputs[0]);
    out.output = tensor(step.output);
    plan_.steps.push_back(std::move(out));
  }

  // Of wide sums as two halves, the lower first.
  static void put_integers(const StoredConvolution& stored, ConvolutionStep& out) {
    const bool wide = accumulates_wide(stored);
    if (wide) out.weight_type = ElementType::i16;
    for (const int16_t weight : stored.weights) {
      out.weights.push_back(static_cast<int8_t>(weight));
      if (wide) out.weights.push_back(static_cast<int8_t>(weight >> 8));
    }
    for (const int64_t bias : stored_bias(stored)) {
      out.bias.push_back(static_cast<int32_t>(bias));
      if (wide) out.bias.push_back(static_cast<int32_t>(bias >> 32));
    }
  }

  // What a stored bias, a whole number of the accumulator's units, leaves of that of a quantized
  // file that keeps biases in float: less than half a unit a channel, or nothing.
  std::vector<double> bias_rest(size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const bool has_place = keeps_weights(step) && step.rounding && !step.activation &&
                           !to_logits(step) && quantized_.convolutions[s].identity.empty();
    if (!has_place) return {};
    const StoredConvolution convolution = quantized_.convolution(s);
    const std::vector<int64_t> stored = stored_bias(convolution);
    std::vector<double> rest;
    bool any = false;
    for (size_t o = 0; o < stored.size(); ++o) {
      const BiasTerms terms = convolution.terms(o);
      const auto row = convolution.row(o);
      const double real = terms.real_bias / convolution.unit(o);
      double exact = real;
      for (size_t k = 0; k < row.size(); ++k) exact -= row[k] * terms.offsets[k];
      rest.push_back(std::clamp(exact - static_cast<double>(stored[o]), -0.5, 0.5));
      // A whole number that was rounded to float is one still.
      any = any || std::fabs(rest.back()) > 1e-4 + 3e-7 * std::fabs(real);
    }
    return any ? rest : std::vector<double>{};
  }

  void add_bias_rest(size_t s, Step& out) {
    const std::vector<double> rest = bias_rest(s);
    if (rest.empty()) return;
    if (formed_.steps[s].has_residual) {
      shift_residual(s, rest, out);
    } else {
      add_residual(rest, out);
    }
  }

  // The step's residual stored again as words, each byte `finer` of their units: so many more of
  // these that they hold the rest together with the bias.
  void shift_residual(size_t s, const std::vector<double>& rest, Step& out) {
    constexpr int32_t finer = 64, most = 1024;
    const StoredTensor& input = quantized_.tensors[formed_.steps[s].inputs[0]];
    PlanTensor words = plan_.tensors[out.inputs.back()];
    if (input.type != ElementType::u8 || words.type != ElementType::u8) return;
    auto& convolution = std::get<ConvolutionStep>(out.op);
    Epilogue& epilogue = convolution.epilogue;
    for (float& multiplier : epilogue.residual_multiplier) multiplier /= finer;
    for (float& scale : words.scale) scale /= finer;
    words.type = ElementType::i16;
    words.zero_point = {0};
    RescaleStep copy;
    copy.epilogue.multiplier = {finer};
    copy.epilogue.lo = {levels_of(words.type).lo};
    copy.epilogue.hi = {levels_of(words.type).hi};
    copy.offset.clear();
    const StoredConvolution stored = quantized_.convolution(s);
    for (size_t c = 0; c < rest.size(); ++c) {
      ResidualShift shift = residual_shift(rest[c], of_channel(epilogue.multiplier, c),
                                           of_channel(epilogue.residual_multiplier, c), most);
      const int64_t bias = convolution.bias[c] + shift.bias;
      if (!fits_accumulator(stored.row(c), bias, input.levels.hi, true)) {
        shift = {};
      }
      convolution.bias[c] += static_cast<int32_t>(shift.bias);
      copy.offset.push_back(static_cast<float>(shift.residual));
    }
    words.name = concat(out.name, ".residual");
    const auto index = static_cast<uint32_t>(plan_.tensors.size());
    plan_.tensors.push_back(words);
    plan_.steps.push_back(Step{words.name, {}, std::move(copy), {out.inputs.back()}, index});
    out.inputs.back() = index;
  }

  // A residual of one pixel, in 16 bits.
  void add_residual(const std::vector<double>& rest, Step& out) {
    constexpr double per_unit = 2 * 32767;
    ConstantStep constant;
    for (const double value : rest) {
      constant.values.push_back(static_cast<int16_t>(std::lrint(value * per_unit)));
    }
    PlanTensor stored;
    stored.name = out.name + ".bias_rest";
    stored.shape = {1, 1, 1, static_cast<int32_t>(rest.size())};
    stored.type = ElementType::i16;
    stored.scale = {static_cast<float>(1 / per_unit)};
    const auto index = static_cast<uint32_t>(plan_.tensors.size());
    plan_.tensors.push_back(stored);
    plan_.steps.push_back(Step{stored.name, {}, std::move(constant), {}, index});
    Epilogue& epilogue = std::get<ConvolutionStep>(out.op).epilogue;
    epilogue.has_residual = true;
    for (size_t c = 0; c < rest.size(); ++c) {
      epilogue.residual_multiplier.push_back(
          static_cast<float>(of_channel(epilogue.multiplier, c) / per_unit));
    }
    out.inputs.push_back(index);
  }

  StepOperator operation(size_t s) const {
    return std::visit([&](const auto& form) -> StepOperator { return lowered(form, s); },
                      formed_.steps[s].form);
  }

  size_t output_channels(const FormedStep& step) const {
    return static_cast<size_t>(channel_count(graph_.tensors[step.output]));
  }

  StepOperator lowered(const form::Convolution&, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const Node& node = graph_.nodes[step.node];
    const auto& conv = std::get<Conv2d>(node.op);
    const Shape& weight = graph_.tensors[node.inputs[1]].shape;
    ConvolutionStep out;
    out.kernel = {static_cast<int32_t>(weight[1]), static_cast<int32_t>(weight[2])};
    out.stride = {conv.stride[0], conv.stride[1]};
    out.dilation = {conv.dilation[0], conv.dilation[1]};
    out.pads = {conv.pads.top, conv.pads.left, conv.pads.bottom, conv.pads.right};
    out.groups = conv.groups;
    const StoredConvolution stored = quantized_.convolution(s);
    put_integers(stored, out);
    out.epilogue = epilogue(s, stored.integers->weights.unit);
    add_identity(step, stored.integers->identity, out.epilogue);
    return out;
  }

  // As multipliers must be.
  static double never_zero(double factor) {
    return std::copysign(std::max(std::fabs(factor), 1e-12), factor);
  }

  // What identity.h took from the weights comes back as a residual: the step's own input.
  void add_identity(const FormedStep& step, const std::vector<double>& identity,
                    Epilogue& out) const {
    if (identity.empty()) return;
    std::vector<double> multiplier(identity.size());
    for (size_t c = 0; c < identity.size(); ++c) {
      multiplier[c] = never_zero(identity[c]) * input_scale(step, 0, c) * per_real(step, c);
    }
    out.has_residual = true;
    out.residual_multiplier = to_floats(multiplier);
  }

  StepOperator lowered(const form::Pool& form, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const Pool2d& pool = form.op;
    PoolStep out;
    out.kind =
        pool.kind == Pool2d::Kind::maximum ? PoolStep::Kind::maximum : PoolStep::Kind::average;
    out.kernel = {pool.kernel[0], pool.kernel[1]};
    out.stride = {pool.stride[0], pool.stride[1]};
    out.pads = {pool.pads.top, pool.pads.left, pool.pads.bottom, pool.pads.right};
    out.count_include_pad = pool.count_include_pad;
    if (out.kind == PoolStep::Kind::average) out.epilogue = epilogue(s, input_scales(step, 0));
    return out;
  }

  std::vector<double> input_scales(const FormedStep& step, size_t input) const {
    std::vector<double> out(output_channels(step));
    for (size_t c = 0; c < out.size(); ++c) out[c] = input_scale(step, input, c);
    return out;
  }

  StepOperator lowered(const form::Add& form, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    std::vector<double> a = input_scales(step, 0), b = input_scales(step, 1);
    for (size_t c = 0; c < a.size(); ++c) {
      a[c] *= never_zero(form.a_factor[c]);
      b[c] *= never_zero(form.b_factor[c]);
    }
    AddStep out;
    out.epilogue = epilogue(s, a);
    // b in the units that a's multiplier leads to.
    for (size_t c = 0; c < b.size(); ++c) {
      if (out.epilogue.activation == Activation::none) b[c] *= per_real(step, c);
      if (quantized_.tables[s]) b[c] /= quantized_.tables[s]->argument_unit;
    }
    out.b_multiplier = to_floats(b);
    return out;
  }

  StepOperator lowered(const form::Multiply&, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    std::vector<double> real = input_scales(step, 0);
    for (size_t c = 0; c < real.size(); ++c) real[c] *= input_scale(step, 1, c);
    return MultiplyStep{epilogue(s, real)};
  }

  StepOperator lowered(const form::Divide&, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    std::vector<double> real = input_scales(step, 0);
    for (size_t c = 0; c < real.size(); ++c) real[c] /= input_scale(step, 1, c);
    return DivideStep{epilogue(s, real)};
  }

  // The real value of a code of channel c of a step's input, in the file's own floats.
  float real_value(const FormedStep& step, size_t c, int32_t code) const {
    if (how_ != nullptr && step.inputs[0] == graph_.input) {
      const size_t colour = std::min<size_t>(c, 2);
      return (static_cast<float>(code) - how_->mean[colour]) / how_->std[colour];
    }
    const StoredTensor& stored = quantized_.tensors[step.inputs[0]];
    return static_cast<float>(code - stored.zero_point[c]) * static_cast<float>(stored.scale[c]);
  }

  StepOperator lowered(const form::Lookup&, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const StoredTensor& from = quantized_.tensors[step.inputs[0]];
    const bool one_table = is_alike_for_all_channels(graph_, step.nodes) && has_one_scale(from) &&
                           !(how_ != nullptr && step.inputs[0] == graph_.input);
    LookupStep out;
    for (size_t c = 0; c < (one_table ? 1 : output_channels(step)); ++c) {
      for (int32_t code = 0; code <= from.levels.hi; ++code) {
        const float real = chain_value(graph_, step.nodes, c, real_value(step, c, code));
        out.table.push_back(static_cast<int16_t>(step.rounding->code(real, c)));
      }
    }
    const size_t levels = static_cast<size_t>(from.levels.hi) + 1;
    const auto repeats = [&](size_t i) { return out.table[i] == out.table[i % levels]; };
    bool same = true;
    for (size_t i = levels; i < out.table.size(); ++i) same = same && repeats(i);
    if (same) out.table.resize(levels);
    return out;
  }

  StepOperator lowered(const form::Rescale& form, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    RescaleStep out;
    std::vector<double> real = input_scales(step, 0), offset = form.offset;
    for (size_t c = 0; c < real.size(); ++c) {
      // A picture's zero is its mean, which the integer zero point only comes near.
      if (how_ != nullptr && step.inputs[0] == graph_.input) {
        const double mean = how_->mean[std::min<size_t>(c, 2)];
        offset[c] +=
            form.factor[c] * real[c] * (quantized_.tensors[graph_.input].zero_point[c] - mean);
      }
      real[c] *= never_zero(form.factor[c]);  // zero leaves the offset alone
    }
    out.epilogue = epilogue(s, real);
    out.offset = to_argument_units(s, out.epilogue, std::move(offset));
    return out;
  }

  // Real offsets in the units that the epilogue's multiplier leads to.
  std::vector<float> to_argument_units(size_t s, const Epilogue& epilogue,
                                       std::vector<double> offset) const {
    for (size_t c = 0; c < offset.size(); ++c) {
      if (epilogue.activation == Activation::none) offset[c] *= per_real(formed_.steps[s], c);
      if (quantized_.tables[s])
        offset[c] =
            (offset[c] - quantized_.tables[s]->centre) / quantized_.tables[s]->argument_unit;
    }
    return to_floats(offset);
  }

  // The sums are in the input's units, where the network's epsilon is C^2 / scale^2 as large.
  StepOperator lowered(const form::LayerNorm& form, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const double channels = static_cast<double>(form.factor.size());
    const double unit = input_scale(step, 0, 0);
    LayerNormStep out;
    out.epsilon = static_cast<float>(
        std::clamp(form.epsilon * channels * channels / (unit * unit), 0x1p-100, 0x1p80));
    std::vector<double> real = form.factor;
    for (double& factor : real) {  // multipliers are never zero
      if (std::fabs(factor) < 1e-12) factor = std::copysign(1e-12, factor);
    }
    out.epilogue = epilogue(s, real);
    out.offset = to_argument_units(s, out.epilogue, form.offset);
    return out;
  }

  StepOperator lowered(const form::L2Normalize& form, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    L2NormalizeStep out;
    out.floor =
        static_cast<float>(std::clamp(form.least_norm / input_scale(step, 0, 0), 0x1p-80, 0x1p20));
    out.epilogue = epilogue(s, std::vector<double>(output_channels(step), 1.0));
    return out;
  }

  StepOperator lowered(const form::Softmax&, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const double unit = input_scale(step, 0, 0);
    // What a quantized file rounds is the softmax of floats, of which 15 bits would turn values
    // over.
    const bool is_long = step.rounding.has_value();
    const auto put = [&](double exponential, std::vector<uint16_t>& table) {
      const auto entry =
          static_cast<uint32_t>(std::rint(exponential * (is_long ? 1 << 30 : 1 << 15)));
      table.push_back(static_cast<uint16_t>(entry));
      if (is_long) table.push_back(static_cast<uint16_t>(entry >> 16));
    };
    SoftmaxStep out;
    for (int i = 0; i < 256; ++i) {
      put(std::exp(-256 * i * unit), out.coarse);
      put(std::exp(-i * unit), out.fine);
    }
    out.epilogue = epilogue(s, std::vector<double>(output_channels(step), 1.0));
    return out;
  }

  StepOperator lowered(const form::MatMul& form, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    std::vector<double> real = form.factor;
    for (size_t c = 0; c < real.size(); ++c) {
      double& factor = real[c];
      if (std::fabs(factor) < 1e-12) factor = std::copysign(1e-12, factor);
      factor *= input_scale(step, 0, 0) * input_scale(step, 1, form.transpose_b ? 0 : c);
    }
    MatMulStep out;
    out.transpose_b = form.transpose_b;
    out.epilogue = epilogue(s, real);
    return out;
  }

  StepOperator lowered(const form::Resize&, size_t s) const {
    const FormedStep& step = formed_.steps[s];
    const auto& op = std::get<Resize>(graph_.nodes[step.node].op);
    const auto in = *stored_shape(graph_.tensors[step.inputs[0]].shape);
    ResizeStep out;
    put_taps(resize_taps(op, in[1], op.height, op.scale_h), out.row, out.row_weight);
    put_taps(resize_taps(op, in[2], op.width, op.scale_w), out.column, out.column_weight);
    std::vector<double> real = input_scales(step, 0);
    for (double& scale : real) scale /= 128 * 128;
    out.epilogue = epilogue(s, real);
    return out;
  }

  // One or two neighbours, the second weighted in 128ths.
  static void put_taps(const std::vector<ResizeTaps>& taps, std::vector<int32_t>& from,
                       std::vector<int32_t>& weight) {
    for (const ResizeTaps& tap : taps) {
      from.push_back(static_cast<int32_t>(tap.index[0]));
      const float second = tap.count == 2 ? tap.weight[1] : 0.0f;
      weight.push_back(static_cast<int32_t>(std::lrint(128 * second)));
    }
  }

  StepOperator lowered(const form::Gather& form, size_t) const { return GatherStep{form.channels}; }
  StepOperator lowered(const form::Concat&, size_t) const { return ConcatStep{}; }
  StepOperator lowered(const form::Reshape&, size_t) const { return ReshapeStep{}; }
  StepOperator lowered(const form::Permute& form, size_t) const {
    return PermuteStep{form.dims, form.perm};
  }

  StepOperator lowered(const form::Constant&, size_t s) const {
    const TensorId t = formed_.steps[s].output;
    const StoredTensor& stored = quantized_.tensors[t];
    ConstantStep out;
    size_t c = 0;
    for (const float value : *graph_.tensors[t].values) {
      const double level = std::rint(value / stored.scale[c]) + stored.zero_point[c];
      const double lo = stored.levels.lo, hi = stored.levels.hi;
      out.values.push_back(static_cast<int16_t>(static_cast<int32_t>(std::clamp(level, lo, hi))));
      if (++c == stored.scale.size()) c = 0;
    }
    return out;
  }

  const StepNetwork& network_;
  const Graph& graph_;
  const FormedSteps& formed_;
  const Quantization& quantized_;
  const Preprocess* how_;
  std::vector<uint32_t> index_;
  Plan plan_;
};

}  // namespace

Result<Plan> lower(const PassInputs& inputs, const Quantization& q) {
  return Lowering(inputs, q).run();
}

}  // namespace octavo
