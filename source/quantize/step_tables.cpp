#include "quantize/step_tables.h"

#include <algorithm>
#include <limits>

namespace octavo {

namespace {

// Functions that follow their argument need not go on where the stored result ends.
double useful_argument(const StepNetwork& network, const Quantization& q, const FormedStep& step) {
  using Kind = Unary::Kind;
  const Kind kind = step.activation->kind;
  const bool follows = kind == Kind::silu || kind == Kind::gelu || kind == Kind::gelu_tanh ||
                       kind == Kind::mish || kind == Kind::softplus;
  const StoredTensor& stored = q.tensors[step.output];
  if (!follows || step.has_residual || stored.scale.empty() || step.output == network.logits()) {
    return std::numeric_limits<double>::infinity();
  }
  constexpr double lag = 0.32;  // none of them is farther below its argument
  double highest = 0;
  for (size_t c = 0; c < stored.scale.size(); ++c) {
    highest = std::max(highest, (stored.levels.hi - stored.zero_point[c]) * stored.scale[c]);
  }
  return highest + lag;
}

// Whether the convolution's sums stay in int32 with a bias that has the centre taken off.
bool can_shift(StoredConvolution convolution, const StoredTensor& input, double centre) {
  convolution.centre = centre;
  for (size_t o = 0; o < convolution.outputs(); ++o) {
    const auto row = convolution.row(o);
    const int64_t bias = fold_bias(row, convolution.unit(o), convolution.terms(o));
    const bool bytes = input.type == ElementType::u8;
    if (!fits_accumulator(row, bias, counted_magnitude(input), bytes)) return false;
  }
  return true;
}

}  // namespace

StepTables make_tables(const PassInputs& in, const Quantization& q) {
  const std::vector<FormedStep>& steps = in.network.formed.steps;
  StepTables tables(steps.size());
  for (size_t s = 0; s < tables.size(); ++s) {
    const FormedStep& step = steps[s];
    if (!step.activation || is_written_out(*step.activation)) continue;
    const auto& seen = in.calibration.stored[step.accumulated].moments;
    const auto lo = std::min_element(seen.minimum.begin(), seen.minimum.end());
    const auto hi = std::max_element(seen.maximum.begin(), seen.maximum.end());
    TableSpan span{*lo, std::min<double>(*hi, useful_argument(in.network, q, step))};
    const bool convolves = step.is<form::Convolution>();
    // A quantized file's biases are whole numbers of the accumulator and stay so.
    span.centred = !(convolves && !step.rounding && !keeps_weights(step)) &&
                   !step.is<form::Rescale>() && !step.is<form::LayerNorm>();
    tables[s] = make_table(*step.activation, span);
    if (!convolves || span.centred) continue;
    if (can_shift(q.convolution(s), q.tensors[step.inputs[0]], tables[s]->centre)) continue;
    span.centred = true;
    tables[s] = make_table(*step.activation, span);
  }
  return tables;
}

}  // namespace octavo
