#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "plan/step_traits.h"
#include "plan/type_name.h"
#include "plan/verify_parts.h"

namespace octavo::plan_check {

int64_t bounded_product(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (factor < 1 || factor > plan_limit::elements / product) return -1;
    product *= factor;
  }
  return product;
}

namespace {

// One axis of a sliding window.
struct Window {
  int64_t kernel, stride, dilation, before, after;  // before and after: padding

  bool is_sane() const {
    constexpr int64_t most = plan_limit::elements;
    return kernel >= 1 && stride >= 1 && dilation >= 1 && before >= 0 && after >= 0 &&
           kernel <= most && stride <= most && dilation <= most && before <= most && after <= most;
  }
  int64_t extent() const { return dilation * (kernel - 1) + 1; }
  int64_t slack(int64_t size) const { return size + before + after - extent(); }
  bool gives_floor(int64_t size, int64_t output) const {
    return slack(size) >= 0 && output == slack(size) / stride + 1;
  }
  bool gives_ceil(int64_t size, int64_t output) const {
    const int64_t rounded = slack(size) + stride - 1;
    return rounded >= 0 && output == rounded / stride + 1;
  }
  // Every window holds a pixel of the picture.
  bool meets_pixels(int64_t size, int64_t output) const {
    return before < extent() && (output - 1) * stride < size + before;
  }
  // The axis with its padding and the overhang of the last window.
  int64_t padded(int64_t size, int64_t output) const {
    return std::max(size + before + after, (output - 1) * stride + extent());
  }
};

struct Windows {
  Window vertical, horizontal;
};

template <class SlidingStep>
Windows windows_of(const SlidingStep& step, std::array<int32_t, 2> dilation) {
  const auto& [top, left, bottom, right] = step.pads;
  return {{step.kernel[0], step.stride[0], dilation[0], top, bottom},
          {step.kernel[1], step.stride[1], dilation[1], left, right}};
}

Status verify_windows(const StepPlace& at, const Windows& windows) {
  if (windows.vertical.is_sane() && windows.horizontal.is_sane()) return {};
  return at.error(
      "kernel, stride and dilation must be at least 1, padding at least 0, and all at most ",
      plan_limit::elements);
}

Status verify_padded_size(const StepPlace& at, const Windows& windows) {
  const auto& in = at.input(0).shape;
  const auto& out = at.output().shape;
  if (bounded_product({in[0], windows.vertical.padded(in[1], out[1]),
                       windows.horizontal.padded(in[2], out[2]), in[3]}) > 0) {
    return {};
  }
  return at.error("its input of ", list_text(in), " with its padding has more than ",
                  plan_limit::elements, " elements");
}

}  // namespace

Status verify_sum(const StepPlace& at, int64_t bound, const std::string& what) {
  const bool wide = at.input(0).type == ElementType::u16;
  if (bound <= (wide ? plan_limit::wide_sum : INT32_MAX)) return {};
  return at.error(what, " can reach ", bound, ", more than ", wide ? "53" : "32", " bits hold");
}

Error wrong_shape(const StepPlace& at) {
  return at.error("an input of ", list_text(at.input(0).shape), " cannot give an output of ",
                  list_text(at.output().shape));
}

namespace {

struct WeightSums {
  int64_t sum = 0, magnitude = 0;
};

// In parts whose sums fit 32 bits: so compilers take many weights at a time, and most of what
// verifying a plan costs is this.
WeightSums weight_sums(std::span<const int8_t> weights) {
  constexpr size_t part = size_t{1} << 16;
  WeightSums all;
  while (!weights.empty()) {
    const auto some = weights.first(std::min(part, weights.size()));
    int32_t sum = 0, magnitude = 0;
    for (const int32_t weight : some) {
      sum += weight;
      magnitude += weight < 0 ? -weight : weight;
    }
    all.sum += sum;
    all.magnitude += magnitude;
    weights = weights.subspan(some.size());
  }
  return all;
}

WeightSums wide_weight_sums(const ConvolutionStep& step, size_t first, size_t count) {
  WeightSums all;
  for (size_t i = first; i < first + count; ++i) {
    const int32_t weight = weight_of(step, i);
    all.sum += weight;
    all.magnitude += std::abs(weight);
  }
  return all;
}

// Contract 1: no partial sum of an accumulator leaves int32, in whatever order it is
// summed, and also where a kernel shifts its operand from u8 to i8. Sums of u16 are wider.
Status verify_accumulators(const StepPlace& at, const ConvolutionStep& step, size_t taps,
                           int64_t largest_stored) {
  const bool bytes = step.weight_type == ElementType::i8;
  for (size_t o = 0; o < static_cast<size_t>(channels(at.output())); ++o) {
    const auto [sum, magnitude] = bytes
                                      ? weight_sums(std::span(step.weights).subspan(o * taps, taps))
                                      : wide_weight_sums(step, o * taps, taps);
    const int64_t bias = bias_of(step, o);
    // Far from where what follows could leave int64.
    if (bias < -plan_limit::wide_sum || bias > plan_limit::wide_sum) {
      return at.error("the bias of output channel ", o, " is ", bias, ", more than 53 bits hold");
    }
    int64_t bound = std::abs(bias) + largest_stored * magnitude;
    if (at.input(0).type == ElementType::u8) {
      bound = std::max(bound, std::abs(bias + 128 * sum) + 128 * magnitude);
    }
    if (bound <= INT32_MAX) continue;
    if (const Status holds = verify_sum(at, bound, concat("the sum of output channel ", o));
        !holds) {
      return holds;
    }
  }
  return {};
}

// Bytes, or words for x of u16; the halves of words, and of biases beside them, are entries.
Status verify_weights(const StepPlace& at, const ConvolutionStep& step, int64_t taps) {
  const int64_t outputs = at.output().shape[3];
  const bool words = step.weight_type == ElementType::i16 && at.input(0).type == ElementType::u16;
  if (!words && step.weight_type != ElementType::i8) {
    return at.error("its weights are of type ", type_name(step.weight_type), " and x of ",
                    type_name(at.input(0).type), "; weights are int8, or int16 where x is uint16");
  }
  const int64_t entries = words ? 2 : 1;
  if (taps >= 1 &&
      bounded_product({taps, outputs, entries}) == static_cast<int64_t>(step.weights.size()) &&
      static_cast<int64_t>(step.bias.size()) == outputs * entries) {
    return {};
  }
  return at.error("it has ", step.weights.size(), " weights and ", step.bias.size(),
                  " biases; kernels of ", list_text(step.kernel), " over ",
                  at.input(0).shape[3] / step.groups, " channels for ", outputs, " outputs",
                  words ? ", two entries each," : "", " are expected");
}

Status verify_convolution(const StepPlace& at, const ConvolutionStep& step,
                          int32_t largest_stored) {
  const Windows windows = windows_of(step, step.dilation);
  if (const Status sane = verify_windows(at, windows); !sane) return sane;
  const auto& in = at.input(0).shape;
  const auto& out = at.output().shape;
  if (step.groups < 1 || in[3] % step.groups != 0 || out[3] % step.groups != 0) {
    return at.error(in[3], " input and ", out[3], " output channels do not divide into ",
                    step.groups, " groups");
  }
  if (in[0] != out[0] || !windows.vertical.gives_floor(in[1], out[1]) ||
      !windows.horizontal.gives_floor(in[2], out[2])) {
    return wrong_shape(at);
  }
  if (const Status small = verify_padded_size(at, windows); !small) return small;
  if (int64_t{step.kernel[0]} * step.kernel[1] > plan_limit::window_taps) {
    return at.error("its kernels of ", list_text(step.kernel), " have more than ",
                    plan_limit::window_taps, " taps");
  }
  const int64_t taps = bounded_product({step.kernel[0], step.kernel[1], in[3] / step.groups});
  if (const Status fit = verify_weights(at, step, taps); !fit) return fit;
  const PlanTensor* residual = step.epilogue.has_residual ? &at.input(1) : nullptr;
  if (const Status end = verify_epilogue(at, step.epilogue, residual); !end) return end;
  return verify_accumulators(at, step, static_cast<size_t>(taps), largest_stored);
}

bool same_channel(const PlanTensor& a, int32_t channel_a, const PlanTensor& b, int32_t channel_b) {
  return of_channel(a.scale, channel_a) == of_channel(b.scale, channel_b) &&
         of_channel(a.zero_point, channel_a) == of_channel(b.zero_point, channel_b);
}

// Stored values that move keep their type, and channel `of` of input i what it means.
Status verify_moved_channel(const StepPlace& at, size_t i, int32_t of, int32_t to) {
  if (same_channel(at.input(i), of, at.output(), to)) return {};
  return at.error("channel ", to, " of the output comes from channel ", of, " of input ", i,
                  " and differs from it in scale or zero point");
}

// The channels from `of` on of input i, `count` of them, that go to those from `to` on.
Status verify_moved_channels(const StepPlace& at, size_t i, int32_t of, int32_t to, int32_t count) {
  const bool uniform = at.is_input_uniform(i) && at.is_output_uniform();
  for (int32_t c = 0; c < (uniform ? 1 : count); ++c) {
    if (const Status same = verify_moved_channel(at, i, of + c, to + c); !same) return same;
  }
  return {};
}

}  // namespace

Status verify_moved_type(const StepPlace& at) {
  for (size_t i = 0; i < at.step().inputs.size(); ++i) {
    if (at.input(i).type != at.output().type) {
      return at.error("the output must have the element type of input ", i);
    }
  }
  return {};
}

Status verify_moved_freely(const StepPlace& at, int32_t period) {
  const int32_t from = channels(at.input(0));
  for (int32_t c = period; !at.is_input_uniform(0) && c < from; ++c) {
    if (same_channel(at.input(0), c, at.input(0), c % period)) continue;
    return at.error("scales or zero points a channel need the channels to stay ", from,
                    period > 1 ? concat(", or to repeat every ", period) : "");
  }
  const bool uniform = at.is_input_uniform(0) && at.is_output_uniform();
  for (int32_t c = 0; c < (uniform ? 1 : channels(at.output())); ++c) {
    if (const Status same = verify_moved_channel(at, 0, c % period, c); !same) return same;
  }
  return {};
}

Status verify_offset(const StepPlace& at, const std::vector<float>& offset) {
  const int32_t count = channels(at.output());
  if (!fits_channels(offset, count)) {
    return at.error("its offset has ", offset.size(), " entries; one or ", count, " are expected");
  }
  if (std::all_of(offset.begin(), offset.end(), is_addend)) return {};
  return at.error("an offset is not a number within 2^80 of zero");
}

namespace {

Status verify_pool(const StepPlace& at, const PoolStep& step, int32_t largest_stored) {
  const Windows windows = windows_of(step, {1, 1});
  if (const Status sane = verify_windows(at, windows); !sane) return sane;
  const auto& in = at.input(0).shape;
  const auto& out = at.output().shape;
  // Either rounding of the output size; a window of padding alone has no maximum and no mean.
  const auto gives = [](const Window& window, int64_t size, int64_t output) {
    return (window.gives_floor(size, output) || window.gives_ceil(size, output)) &&
           window.meets_pixels(size, output);
  };
  if (in[0] != out[0] || in[3] != out[3] || !gives(windows.vertical, in[1], out[1]) ||
      !gives(windows.horizontal, in[2], out[2])) {
    return wrong_shape(at);
  }
  if (const Status small = verify_padded_size(at, windows); !small) return small;
  if (step.kind == PoolStep::Kind::maximum) {
    if (const Status type = verify_moved_type(at); !type) return type;
    return verify_moved_channels(at, 0, 0, 0, out[3]);
  }
  if (step.kind != PoolStep::Kind::average) return at.error("its kind is unknown");
  const int64_t pixels = bounded_product({step.kernel[0], step.kernel[1]});
  if (pixels < 0 || pixels * largest_stored > INT32_MAX) {
    return at.error("the sum over a window of ", list_text(step.kernel),
                    " pixels can be more than 32 bits hold");
  }
  return verify_epilogue(at, step.epilogue, nullptr);
}

// a and b of one shape, or b one pixel; the output like a.
Status verify_pair(const StepPlace& at) {
  const auto& a = at.input(0).shape;
  const auto& b = at.input(1).shape;
  const std::array<int32_t, 4> pixel{a[0], 1, 1, a[3]};
  if (at.output().shape != a) return wrong_shape(at);
  if (b == a || b == pixel) return {};
  return at.error("its second input has shape ", list_text(b), "; ", list_text(a), " or ",
                  list_text(pixel), " is expected");
}

Status verify_add(const StepPlace& at, const AddStep& step) {
  if (const Status pair = verify_pair(at); !pair) return pair;
  if (const Status b = verify_multipliers(at, "multiplier of b", step.b_multiplier); !b) return b;
  return verify_epilogue(at, step.epilogue, nullptr);
}

Status verify_multiply(const StepPlace& at, const MultiplyStep& step) {
  // 32767 * 32767 is the largest product: it always fits.
  if (const Status pair = verify_pair(at); !pair) return pair;
  return verify_epilogue(at, step.epilogue, nullptr);
}

Status verify_rescale(const StepPlace& at, const RescaleStep& step) {
  if (at.input(0).shape != at.output().shape) return wrong_shape(at);
  if (const Status offset = verify_offset(at, step.offset); !offset) return offset;
  return verify_epilogue(at, step.epilogue, nullptr);
}

Status verify_gather(const StepPlace& at, const GatherStep& step) {
  const auto& in = at.input(0).shape;
  const auto& out = at.output().shape;
  if (in[0] != out[0] || in[1] != out[1] || in[2] != out[2] ||
      step.channels.size() != static_cast<size_t>(out[3])) {
    return at.error("an input of ", list_text(in), " and ", step.channels.size(),
                    " channel indices cannot give an output of ", list_text(out));
  }
  if (const Status type = verify_moved_type(at); !type) return type;
  for (int32_t c = 0; c < out[3]; ++c) {
    const int32_t from = step.channels[static_cast<size_t>(c)];
    if (from < 0 || from >= in[3]) {
      return at.error("channel index ", from, " is not one of the input's ", in[3], " channels");
    }
    if (const Status same = verify_moved_channel(at, 0, from, c); !same) return same;
  }
  return {};
}

Status verify_concat(const StepPlace& at) {
  const auto& out = at.output().shape;
  if (const Status type = verify_moved_type(at); !type) return type;
  int64_t filled = 0;
  for (size_t i = 0; i < at.step().inputs.size(); ++i) {
    const auto& in = at.input(i).shape;
    if (in[0] != out[0] || in[1] != out[1] || in[2] != out[2] || in[3] > out[3] - filled) {
      return at.error("input ", i, " of ", list_text(in), " has no place from channel ", filled,
                      " on in an output of ", list_text(out));
    }
    const auto to = static_cast<int32_t>(filled);
    if (const Status same = verify_moved_channels(at, i, 0, to, in[3]); !same) return same;
    filled += in[3];
  }
  if (filled == out[3]) return {};
  return at.error("its inputs have ", filled, " channels together; the output has ", out[3]);
}

Status verify_reshape(const StepPlace& at) {
  if (elements(at.input(0)) != elements(at.output())) return wrong_shape(at);
  if (const Status type = verify_moved_type(at); !type) return type;
  return verify_moved_freely(at, std::gcd(channels(at.input(0)), channels(at.output())));
}

// Checks one step; one overload a type.
struct OperatorVerifier {
  const StepPlace& at;
  const std::vector<int32_t>& largest_stored;

  int32_t largest() const { return largest_stored[at.step().inputs[0]]; }
  Status operator()(const ConvolutionStep& step) const {
    return verify_convolution(at, step, largest());
  }
  Status operator()(const PoolStep& step) const { return verify_pool(at, step, largest()); }
  Status operator()(const AddStep& step) const { return verify_add(at, step); }
  Status operator()(const MultiplyStep& step) const { return verify_multiply(at, step); }
  // Its divisor is half a unit or more.
  Status operator()(const DivideStep& step) const {
    const Status pair = verify_pair(at);
    return pair ? verify_epilogue(at, step.epilogue, nullptr) : pair;
  }
  Status operator()(const RescaleStep& step) const { return verify_rescale(at, step); }
  Status operator()(const GatherStep& step) const { return verify_gather(at, step); }
  Status operator()(const ConcatStep&) const { return verify_concat(at); }
  Status operator()(const ReshapeStep&) const { return verify_reshape(at); }
  Status operator()(const LayerNormStep& step) const {
    return verify_operator(at, step, largest());
  }
  Status operator()(const L2NormalizeStep& step) const {
    return verify_operator(at, step, largest());
  }
  Status operator()(const MatMulStep& step) const {
    return verify_operator(at, step, largest_stored);
  }
  template <class Step>
  Status operator()(const Step& step) const {
    return verify_operator(at, step);
  }
};

Status verify_operand_count(const StepPlace& at, const Epilogue* epilogue) {
  const size_t count = at.step().inputs.size();
  const int expected = with_traits(at.step().op, [&](auto traits) {
    return traits.operands + (traits.takes_residual && epilogue->has_residual ? 1 : 0);
  });
  if (expected == UsualStep::any_number) {
    return count >= 1 ? Status{} : at.error("it has no input");
  }
  if (count == static_cast<size_t>(expected)) return {};
  return at.error("it has ", count, " inputs; ", expected, " are expected");
}

// i8 moves, and is the right operand of a product. Only what ends in an epilogue may
// store floats: the logits.
Status verify_types(const StepPlace& at, const Epilogue* epilogue) {
  const StepOperator& op = at.step().op;
  const bool is_product = std::holds_alternative<MatMulStep>(op);
  const bool moves = with_traits(op, [](auto traits) { return traits.moves; });
  for (size_t i = 0; i < at.step().inputs.size(); ++i) {
    const ElementType type = at.input(i).type;
    const bool may_be_i8 = moves || (is_product && i == 1);
    const bool fits =
        is_unsigned(type) || type == ElementType::i16 || (may_be_i8 && type == ElementType::i8);
    if (!fits) return at.error("input ", i, " must be u8, u16 or i16", may_be_i8 ? ", or i8" : "");
  }
  if (at.output().type != ElementType::f32 || epilogue != nullptr) return {};
  return at.error("its output must be u8, u16 or i16, or i8");
}

int32_t largest_of_output(const StepPlace& at, const Epilogue* epilogue,
                          const std::vector<int32_t>& largest_stored) {
  const ElementType type = at.output().type;
  if (type == ElementType::f32) return UINT8_MAX;  // never an operand
  if (is_unsigned(type)) return levels_of(type).hi;
  int32_t largest = 0;
  if (epilogue != nullptr) {
    for (const int32_t lo : epilogue->lo) largest = std::max(largest, std::abs(lo));
    for (const int32_t hi : epilogue->hi) largest = std::max(largest, std::abs(hi));
    return largest;
  }
  const auto* constant = std::get_if<ConstantStep>(&at.step().op);
  const auto* lookup = std::get_if<LookupStep>(&at.step().op);
  if (constant != nullptr || lookup != nullptr) {
    for (const int32_t value : constant != nullptr ? constant->values : lookup->table) {
      largest = std::max(largest, std::abs(value));
    }
    return largest;
  }
  for (const uint32_t input : at.step().inputs) {
    largest = std::max(largest, largest_stored[input]);
  }
  return largest;
}

}  // namespace

Status verify_step(const StepPlace& at, std::vector<int32_t>& largest_stored) {
  const Epilogue* epilogue = epilogue_of(at.step().op);
  if (const Status count = verify_operand_count(at, epilogue); !count) return count;
  if (const Status types = verify_types(at, epilogue); !types) return types;
  if (const Status valid = std::visit(OperatorVerifier{at, largest_stored}, at.step().op); !valid) {
    return valid;
  }
  largest_stored[at.step().output] = largest_of_output(at, epilogue, largest_stored);
  return {};
}

}  // namespace octavo::plan_check
