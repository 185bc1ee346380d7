#include "export/steps.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "base/text.h"
#include "export/epilogue.h"
#include "export/recognize.h"

namespace octavo {

namespace {

using onnx_file::attribute;
using onnx_file::Dims;
using onnx_file::Names;
using onnx_file::Type;

constexpr AxisOrder first = AxisOrder::channels_first, last = AxisOrder::channels_last;

const std::string& name_of(const Emitter& out, const Step& step) {
  return out.tensor(step.output).name;
}

int64_t channel_axis(AxisOrder layout) {
  return layout == first ? 1 : 3;
}

Dims to_dims(const auto& values) {
  return Dims(values.begin(), values.end());
}

// Whether the step's input must be counted from each channel's own zero: padding is zero.
bool must_be_centred(const Emitter& out, const Step& step) {
  return counts_padding(step.op) && !out.storage(step.inputs[0]).is_centred();
}

// ---- convolution

class Convolution {
 public:
  Convolution(Emitter& out, const Step& step, const ConvolutionStep& op)
      : out_(out),
        step_(step),
        op_(op),
        name_(name_of(out, step)),
        outputs_(op.bias.size()),
        taps_(op.weights.size() / op.bias.size()),
        group_channels_(out.channels(step.inputs[0]) / static_cast<size_t>(op.groups)),
        outputs_per_group_(outputs_ / static_cast<size_t>(op.groups)) {}

  // Emits f * factor + offset.
  std::string emit(const PerChannel& factor, const PerChannel& offset) {
    std::vector<float> scale(outputs_);
    std::vector<double> constant(outputs_), sign(outputs_, 1);
    for (size_t o = 0; o < outputs_; ++o) {
      const double real = of_channel(factor, o) * of_channel(op_.epilogue.multiplier, o);
      sign[o] = real < 0 ? -1 : 1;
      scale[o] =
          std::max(static_cast<float>(std::fabs(real) / input().unit_of(group_of(o))), least);
      constant[o] = sign[o] * (real * zero_sum(o) + of_channel(offset, o));
    }
    silence_dead_rows(scale);
    const std::string made = out_.node(
        "Conv", {input_value(), weights(scale), bias(scale, constant)},
        concat(name_, "/convolution"),
        {attribute("kernel_shape", to_dims(op_.kernel)), attribute("strides", to_dims(op_.stride)),
         attribute("dilations", to_dims(op_.dilation)), attribute("pads", to_dims(op_.pads)),
         attribute("group", int64_t{op_.groups})});
    return out_.affine(made, sign, {0}, first, concat(name_, "/sign"));
  }

 private:
  static constexpr float least = 1e-30f;  // a scale that vanishes beside any other

  const Storage& input() const { return out_.storage(step_.inputs[0]); }

  std::string input_value() const {
    const uint32_t x = step_.inputs[0];
    return must_be_centred(out_, step_) ? out_.centred_value(x, first, concat(name_, "/input"))
                                        : out_.value(x, first);
  }

  // The first channel that output o reads: units differ only between groups of one.
  size_t group_of(size_t o) const { return o / outputs_per_group_ * group_channels_; }

  // What the sum is where every input of the file's convolution is zero.
  double zero_sum(size_t o) const {
    const PlanTensor& x = out_.tensor(step_.inputs[0]);
    const bool centred = must_be_centred(out_, step_);
    double sum = op_.bias[o];
    for (size_t i = 0; i < taps_; ++i) {
      const size_t c = group_of(o) + i % group_channels_;
      sum += op_.weights[o * taps_ + i] *
             (of_channel(x.zero_point, c) + (centred ? 0 : input().offset_of(c)));
    }
    return sum;
  }

  // Rows whose weights, whatever they read, move their output by less than a quarter of a step: a
  // channel that is constant. Their scales lie far below all others, which OpenVINO cannot take,
  // so that they get the largest one, and no weights beside it.
  void silence_dead_rows(std::vector<float>& scale) {
    const Storage& to = out_.storage(step_.output);
    if (out_.tensor(step_.output).type == ElementType::f32 || !ends_in_pair(op_.epilogue)) return;
    const float largest = *std::max_element(scale.begin(), scale.end());
    const StoredLevels levels = levels_of(out_.tensor(step_.inputs[0]).type);
    for (size_t o = 0; o < outputs_; ++o) {
      double magnitude = 0;
      for (size_t i = 0; i < taps_; ++i) magnitude += std::abs(op_.weights[o * taps_ + i]);
      const double reach = magnitude * levels.hi * input().unit_of(group_of(o)) * scale[o];
      dead_.push_back(reach < to.unit_of(o) / 4);
      if (dead_.back()) scale[o] = largest;
    }
  }

  // [o, kh, kw, c] to [o, c, kh, kw].
  std::string weights(const std::vector<float>& scale) {
    const size_t pixels = taps_ / group_channels_;
    std::vector<int8_t> turned(op_.weights.size());
    for (size_t o = 0; o < outputs_; ++o) {
      if (!dead_.empty() && dead_[o]) continue;
      const int8_t* from = op_.weights.data() + o * taps_;
      int8_t* to = turned.data() + o * taps_;
      for (size_t p = 0; p < pixels; ++p) {
        for (size_t c = 0; c < group_channels_; ++c) {
          to[c * pixels + p] = from[p * group_channels_ + c];
        }
      }
    }
    const auto count = static_cast<int64_t>(outputs_);
    const Dims shape{count, static_cast<int64_t>(group_channels_), op_.kernel[0], op_.kernel[1]};
    return dequantized<int8_t>(Type::int8, shape, turned, scale, "/weight");
  }

  // In units of input scale times weight scale, as integer kernels add it; float where the input
  // has no pair or a number is beyond 32 bits.
  std::string bias(const std::vector<float>& scale, const std::vector<double>& constant) {
    std::vector<float> unit(outputs_), real(constant.begin(), constant.end());
    std::vector<int32_t> integers(outputs_);
    bool fits = input().type != ElementType::f32;
    for (size_t o = 0; o < outputs_ && fits; ++o) {
      unit[o] = input().scale * scale[o];
      const double level = std::rint(constant[o] / double{unit[o]});
      fits = unit[o] >= std::numeric_limits<float>::min() && std::fabs(level) <= 2147483647.0;
      if (fits) integers[o] = static_cast<int32_t>(level);
    }
    const Dims shape{static_cast<int64_t>(outputs_)};
    if (!fits) return out_.floats(shape, real, concat(name_, "/bias"));
    return dequantized<int32_t>(Type::int32, shape, integers, unit, "/bias");
  }

  template <class Value>
  std::string dequantized(Type type, const Dims& shape, const std::vector<Value>& values,
                          const std::vector<float>& scale, std::string_view what) {
    const Dims count{static_cast<int64_t>(outputs_)};
    const std::vector<Value> zeros(outputs_);
    const std::string base = concat(name_, what);
    const Names inputs{
        out_.writer().add_constant<Value>(type, shape, values, base),
        out_.floats(count, scale, concat(base, "_scale")),
        out_.writer().add_constant<Value>(type, count, zeros, concat(base, "_zero_point"))};
    return out_.node("DequantizeLinear", inputs, concat(base, "_value"),
                     {attribute("axis", int64_t{0})});
  }

  Emitter& out_;
  const Step& step_;
  const ConvolutionStep& op_;
  std::string name_;
  size_t outputs_, taps_, group_channels_, outputs_per_group_;
  std::vector<bool> dead_;  // by output; empty: none is looked for
};

Emitted emit(Emitter& out, const Step& step, const ConvolutionStep& op) {
  Convolution convolution(out, step, op);
  return {"", finish_step(out, step, op.epilogue, first,
                          [&](const PerChannel& factor, const PerChannel& offset) {
                            return convolution.emit(factor, offset);
                          })};
}

// f = (name / unit + offset of the input) * multiplier * own, then as the epilogue wants it.
MakeArgument scaled_input(Emitter& out, const Step& step, const Epilogue& epilogue,
                          const std::string& name, AxisOrder layout, double own = 1,
                          bool centred = false) {
  const Storage& from = out.storage(step.inputs[0]);
  return [&, name, layout, own, centred](const PerChannel& factor, const PerChannel& offset) {
    const size_t channels = out.channels(step.output);
    const auto real = [&](size_t c) {
      return of_channel(factor, c) * of_channel(epilogue.multiplier, c) * own;
    };
    return out.affine(name, combined(channels, [&](size_t c) { return real(c) / from.unit_of(c); }),
                      combined(channels,
                               [&](size_t c) {
                                 return (centred ? 0 : real(c) * from.offset_of(c)) +
                                        of_channel(offset, c);
                               }),
                      layout, concat(name_of(out, step), "/argument"));
  };
}

// ---- pools

struct PoolWindows {
  Dims pads;
  bool ceil = false;
};

// The overhang of the last window is padding that nothing counts, which is what padding is to a
// maximum and to an average without it; else ceil_mode says it.
PoolWindows windows_of(const Emitter& out, const Step& step, const PoolStep& op) {
  const auto& in = out.tensor(step.inputs[0]).shape;
  const auto& to = out.tensor(step.output).shape;
  PoolWindows windows{to_dims(op.pads), false};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t needed = (to[axis + 1] - 1) * int64_t{op.stride[axis]} + op.kernel[axis] -
                           in[axis + 1] - op.pads[axis];
    if (counts_padding(step.op) && needed > op.pads[axis + 2]) {
      windows.ceil = true;
    } else {
      windows.pads[axis + 2] = std::max<int64_t>(0, needed);
    }
  }
  return windows;
}

Emitted emit(Emitter& out, const Step& step, const PoolStep& op) {
  const std::string& name = name_of(out, step);
  const bool centred = must_be_centred(out, step);
  const std::string x = centred ? out.centred_value(step.inputs[0], first, concat(name, "/input"))
                                : out.value(step.inputs[0], first);
  const bool maximum = op.kind == PoolStep::Kind::maximum;
  const auto& in = out.tensor(step.inputs[0]).shape;
  const auto& to = out.tensor(step.output).shape;
  const PoolWindows windows = windows_of(out, step, op);
  const bool unpadded =
      std::all_of(windows.pads.begin(), windows.pads.end(), [](int64_t pad) { return pad == 0; });
  const bool whole = op.kernel[0] == in[1] && op.kernel[1] == in[2] && to[1] == 1 && to[2] == 1;
  std::string pooled;
  if (whole && unpadded) {
    pooled = out.node(maximum ? "GlobalMaxPool" : "GlobalAveragePool", {x}, concat(name, "/pool"));
  } else {
    std::vector<onnx_file::Attribute> attributes{attribute("kernel_shape", to_dims(op.kernel)),
                                                 attribute("strides", to_dims(op.stride)),
                                                 attribute("pads", windows.pads)};
    if (windows.ceil) attributes.push_back(attribute("ceil_mode", int64_t{1}));
    if (!maximum && counts_padding(step.op)) {
      attributes.push_back(attribute("count_include_pad", int64_t{1}));
    }
    pooled = out.node(maximum ? "MaxPool" : "AveragePool", {x}, concat(name, "/pool"), attributes);
  }
  if (maximum) {
    out.store(step.output, pooled, first);
    return {};
  }
  return {"", finish_step(out, step, op.epilogue, first,
                          scaled_input(out, step, op.epilogue, pooled, first, 1, centred))};
}

// ---- elementwise

Emitted emit(Emitter& out, const Step& step, const AddStep& op) {
  const AxisOrder layout = out.layout(step.inputs[0]);
  const Storage &a = out.storage(step.inputs[0]), &b = out.storage(step.inputs[1]);
  const size_t channels = out.channels(step.output);
  const std::string& name = name_of(out, step);
  const MakeArgument argument = [&](const PerChannel& factor, const PerChannel& offset) {
    const auto of_a = [&](size_t c) {
      return of_channel(factor, c) * of_channel(op.epilogue.multiplier, c);
    };
    const auto of_b = [&](size_t c) {
      return of_channel(factor, c) * of_channel(op.b_multiplier, c);
    };
    PerChannel b_factor = combined(channels, [&](size_t c) { return of_b(c) / b.unit_of(c); });
    const bool minus =
        std::all_of(b_factor.begin(), b_factor.end(), [](double v) { return v < 0; });
    if (minus) std::transform(b_factor.begin(), b_factor.end(), b_factor.begin(), std::negate());
    const std::string left =
        out.affine(out.value(step.inputs[0], layout),
                   combined(channels, [&](size_t c) { return of_a(c) / a.unit_of(c); }), {0},
                   layout, concat(name, "/left"));
    const std::string right = out.affine(out.value(step.inputs[1], layout), b_factor, {0}, layout,
                                         concat(name, "/right"));
    return out.affine(out.node(minus ? "Sub" : "Add", {left, right}, concat(name, "/sum")), {1},
                      combined(channels,
                               [&](size_t c) {
                                 return of_a(c) * a.offset_of(c) + of_b(c) * b.offset_of(c) +
                                        of_channel(offset, c);
                               }),
                      layout, concat(name, "/argument"));
  };
  return {"", finish_step(out, step, op.epilogue, layout, argument)};
}

Emitted emit(Emitter& out, const Step& step, const MultiplyStep& op) {
  const AxisOrder layout = out.layout(step.inputs[0]);
  const size_t channels = out.channels(step.output);
  const std::string& name = name_of(out, step);
  const auto operand = [&](size_t i, std::string_view what) {
    return out.centred_value(step.inputs[i], layout, concat(name, what));
  };
  const std::string product =
      out.node("Mul", {operand(0, "/left"), operand(1, "/right")}, concat(name, "/product"));
  const Storage &a = out.storage(step.inputs[0]), &b = out.storage(step.inputs[1]);
  const MakeArgument argument = [&](const PerChannel& factor, const PerChannel& offset) {
    return out.affine(product,
                      combined(channels,
                               [&](size_t c) {
                                 return of_channel(factor, c) *
                                        of_channel(op.epilogue.multiplier, c) /
                                        (a.unit_of(c) * b.unit_of(c));
                               }),
                      offset, layout, concat(name, "/argument"));
  };
  return {"", finish_step(out, step, op.epilogue, layout, argument)};
}

// The divisor in its own units, half of one where it is zero: exact, since the other is a whole
// number of them.
Emitted emit(Emitter& out, const Step& step, const DivideStep& op) {
  const AxisOrder layout = out.layout(step.inputs[0]);
  const size_t channels = out.channels(step.output);
  const std::string& name = name_of(out, step);
  const Storage &a = out.storage(step.inputs[0]), &b = out.storage(step.inputs[1]);
  const std::string left = out.centred_value(step.inputs[0], layout, concat(name, "/left"));
  const std::string whole =
      out.affine(out.centred_value(step.inputs[1], layout, concat(name, "/right")),
                 combined(channels, [&](size_t c) { return 1 / b.unit_of(c); }), {0}, layout,
                 concat(name, "/units"));
  const std::string size = out.node("Abs", {whole}, concat(name, "/size"));
  const std::string half = out.floats({}, {0.5f}, concat(name, "/half"));
  const std::string none = out.node("Less", {size, half}, concat(name, "/none"));
  const std::string divisor = out.node("Where", {none, half, whole}, concat(name, "/divisor"));
  const std::string quotient = out.node("Div", {left, divisor}, concat(name, "/quotient"));
  const MakeArgument argument = [&](const PerChannel& factor, const PerChannel& offset) {
    return out.affine(quotient,
                      combined(channels,
                               [&](size_t c) {
                                 return of_channel(factor, c) *
                                        of_channel(op.epilogue.multiplier, c) / a.unit_of(c);
                               }),
                      offset, layout, concat(name, "/argument"));
  };
  return {"", finish_step(out, step, op.epilogue, layout, argument)};
}

Emitted emit(Emitter& out, const Step& step, const RescaleStep& op) {
  const AxisOrder layout = out.layout(step.inputs[0]);
  const MakeArgument scaled =
      scaled_input(out, step, op.epilogue, out.value(step.inputs[0], layout), layout);
  const MakeArgument argument = [&](const PerChannel& factor, const PerChannel& offset) {
    return scaled(factor, combined(out.channels(step.output), [&](size_t c) {
                    return of_channel(factor, c) * of_channel(op.offset, c) + of_channel(offset, c);
                  }));
  };
  return {"", finish_step(out, step, op.epilogue, layout, argument)};
}

// ---- moves

std::string reshaped(Emitter& out, const std::string& x, const Dims& shape,
                     const std::string& wish) {
  return out.node("Reshape", {x, out.integers(shape, concat(wish, "/shape"))}, wish);
}

// The groups of a channel shuffle over all `channels` of the input, 0 where it is none.
int64_t shuffle_groups(const std::vector<int32_t>& taken, int64_t channels) {
  if (static_cast<int64_t>(taken.size()) != channels || channels < 4) return 0;
  const int64_t size = taken[1];  // of a group
  if (size < 2 || size >= channels || channels % size != 0) return 0;
  const int64_t groups = channels / size;
  for (int64_t i = 0; i < channels; ++i) {
    if (taken[static_cast<size_t>(i)] != i % groups * size + i / groups) return 0;
  }
  return groups;
}

// As networks write it, and runtimes know it.
Emitted emit_shuffle(Emitter& out, const Step& step, int64_t groups) {
  const std::string& name = name_of(out, step);
  const Dims shape = out.dims(step.output, first);
  const std::string split =
      reshaped(out, out.value(step.inputs[0], first),
               {shape[0], groups, shape[1] / groups, shape[2], shape[3]}, concat(name, "/groups"));
  const std::string turned = out.node("Transpose", {split}, concat(name, "/shuffled"),
                                      {attribute("perm", Dims{0, 2, 1, 3, 4})});
  out.store(step.output, reshaped(out, turned, shape, concat(name, "/joined")), first);
  return {};
}

Emitted emit(Emitter& out, const Step& step, const GatherStep& op) {
  const int64_t groups =
      shuffle_groups(op.channels, static_cast<int64_t>(out.channels(step.inputs[0])));
  if (groups > 0) return emit_shuffle(out, step, groups);
  const AxisOrder layout = out.layout(step.inputs[0]);
  const std::string x = out.value(step.inputs[0], layout);
  const std::string& name = name_of(out, step);
  const int64_t axis = channel_axis(layout);
  const int64_t begin = op.channels.front(), count = static_cast<int64_t>(op.channels.size());
  bool contiguous = true;
  for (int64_t i = 0; i < count; ++i) {
    contiguous = contiguous && op.channels[static_cast<size_t>(i)] == begin + i;
  }
  std::string taken;
  if (contiguous) {
    taken = out.node("Slice",
                     {x, out.integers({begin}, concat(name, "/begin")),
                      out.integers({begin + count}, concat(name, "/end")),
                      out.integers({axis}, concat(name, "/axis"))},
                     concat(name, "/slice"));
  } else {
    taken = out.node("Gather", {x, out.integers(to_dims(op.channels), concat(name, "/channels"))},
                     concat(name, "/gather"), {attribute("axis", axis)});
  }
  out.store(step.output, taken, layout);
  return {};
}

Emitted emit(Emitter& out, const Step& step, const ConcatStep&) {
  const AxisOrder layout = out.layout(step.inputs[0]);
  Names inputs;
  for (const uint32_t input : step.inputs) inputs.push_back(out.value(input, layout));
  out.store(step.output,
            out.node("Concat", inputs, concat(name_of(out, step), "/concat"),
                     {attribute("axis", channel_axis(layout))}),
            layout);
  return {};
}

// Of one pixel both layouts are one: that is made which what follows mostly wants.
void store_moved(Emitter& out, const Step& step, const std::string& x) {
  const auto& shape = out.tensor(step.output).shape;
  const AxisOrder layout = shape[1] == 1 && shape[2] == 1 ? first : last;
  out.store(step.output,
            reshaped(out, x, out.dims(step.output, layout), concat(name_of(out, step), "/reshape")),
            layout);
}

Emitted emit(Emitter& out, const Step& step, const ReshapeStep&) {
  store_moved(out, step, out.value(step.inputs[0], last));
  return {};
}

Emitted emit(Emitter& out, const Step& step, const PermuteStep& op) {
  const std::string& name = name_of(out, step);
  const std::string viewed =
      reshaped(out, out.value(step.inputs[0], last), to_dims(op.dims), concat(name, "/viewed"));
  store_moved(out, step,
              out.node("Transpose", {viewed}, concat(name, "/transposed"),
                       {attribute("perm", to_dims(op.perm))}));
  return {};
}

Emitted emit(Emitter& out, const Step& step, const ConstantStep& op) {
  out.store_constant(step.output, op.values);
  return {};
}

// ---- over the channels of a pixel

// The plan's epsilon is C^2 / unit^2 times that of LayerNormalization on the file's values; a shift
// of all channels changes nothing.
Emitted emit(Emitter& out, const Step& step, const LayerNormStep& op) {
  const size_t channels = out.channels(step.output);
  const double unit = out.storage(step.inputs[0]).unit_of(0);
  const double epsilon = op.epsilon * unit * unit / static_cast<double>(channels * channels);
  const std::string& name = name_of(out, step);
  const MakeArgument argument = [&](const PerChannel& factor, const PerChannel& offset) {
    std::vector<float> scale(channels), bias(channels);
    for (size_t c = 0; c < channels; ++c) {
      scale[c] = static_cast<float>(of_channel(factor, c) * of_channel(op.epilogue.multiplier, c));
      bias[c] = static_cast<float>(of_channel(factor, c) * of_channel(op.offset, c) +
                                   of_channel(offset, c));
    }
    const Dims shape{static_cast<int64_t>(channels)};
    return out.node(
        "LayerNormalization",
        {out.value(step.inputs[0], last), out.floats(shape, scale, concat(name, "/gain")),
         out.floats(shape, bias, concat(name, "/bias"))},
        concat(name, "/layer_norm"),
        {attribute("axis", int64_t{-1}),
         attribute("epsilon", static_cast<float>(std::max(epsilon, 1e-37)))});
  };
  return {"", finish_step(out, step, op.epilogue, last, argument)};
}

// As f, without the input's unit, which cancels in quotients.
MakeArgument multiplied(Emitter& out, const Step& step, const Epilogue& epilogue,
                        const std::string& name, AxisOrder layout, double own = 1) {
  return [&, name, layout, own](const PerChannel& factor, const PerChannel& offset) {
    return out.affine(name,
                      combined(out.channels(step.output),
                               [&](size_t c) {
                                 return of_channel(factor, c) * of_channel(epilogue.multiplier, c) *
                                        own;
                               }),
                      offset, layout, concat(name_of(out, step), "/argument"));
  };
}

Emitted emit(Emitter& out, const Step& step, const L2NormalizeStep& op) {
  const AxisOrder layout = out.layout(step.inputs[0]);
  const std::string& name = name_of(out, step);
  const std::string x = out.value(step.inputs[0], layout);
  const std::string axis = out.integers({channel_axis(layout)}, concat(name, "/axis"));
  const std::string squares = out.node("Mul", {x, x}, concat(name, "/squares"));
  const std::string sum = out.node("ReduceSum", {squares, axis}, concat(name, "/square_sum"));
  const std::string norm = out.node("Sqrt", {sum}, concat(name, "/norm"));
  const double floor = op.floor * out.storage(step.inputs[0]).unit_of(0);
  const std::string divisor = out.node(
      "Max",
      {norm, out.floats({}, {static_cast<float>(std::max(floor, 1e-37))}, concat(name, "/floor"))},
      concat(name, "/divisor"));
  const std::string quotient = out.node("Div", {x, divisor}, concat(name, "/normalized"));
  return {"", finish_step(out, step, op.epilogue, layout,
                          multiplied(out, step, op.epilogue, quotient, layout))};
}

Emitted emit(Emitter& out, const Step& step, const SoftmaxStep& op) {
  const auto scale = softmax_scale(op, out.tensor(step.inputs[0]).scale[0]);
  if (!scale) return {"its tables are of no exponential"};
  const AxisOrder layout = out.layout(step.inputs[0]);
  const std::string& name = name_of(out, step);
  const double unit = out.storage(step.inputs[0]).unit_of(0);
  const std::string x = out.affine(out.value(step.inputs[0], layout), {*scale / unit}, {0}, layout,
                                   concat(name, "/exponent"));
  const std::string shares =
      out.node("Softmax", {x}, concat(name, "/softmax"), {attribute("axis", channel_axis(layout))});
  return {"", finish_step(out, step, op.epilogue, layout,
                          multiplied(out, step, op.epilogue, shares, layout))};
}

// ---- products and sizes

Emitted emit(Emitter& out, const Step& step, const MatMulStep& op) {
  const std::string& name = name_of(out, step);
  std::string right = out.value(step.inputs[1], last);
  if (op.transpose_b) {
    right = out.node("Transpose", {right}, concat(name, "/transposed"),
                     {attribute("perm", Dims{0, 1, 3, 2})});
    right = out.through_pair(step.inputs[1], right, right);
  }
  const std::string product =
      out.node("MatMul", {out.value(step.inputs[0], last), right}, concat(name, "/product"));
  const double units =
      out.storage(step.inputs[0]).unit_of(0) * out.storage(step.inputs[1]).unit_of(0);
  return {"", finish_step(out, step, op.epilogue, last,
                          multiplied(out, step, op.epilogue, product, last, 1 / units))};
}

const char* mode_name(const Resize& op) {
  return op.mode == Resize::Mode::linear ? "linear" : "nearest";
}

const char* coordinates_name(const Resize& op) {
  switch (op.coordinates) {
    case Resize::Coordinates::half_pixel:
      return "half_pixel";
    case Resize::Coordinates::align_corners:
      return "align_corners";
    case Resize::Coordinates::asymmetric:
      return "asymmetric";
    case Resize::Coordinates::pytorch_half_pixel:
      return "pytorch_half_pixel";
  }
  return "";
}

const char* nearest_name_of(const Resize& op) {
  switch (op.nearest) {
    case Resize::Nearest::floor:
      return "floor";
    case Resize::Nearest::ceil:
      return "ceil";
    case Resize::Nearest::round_prefer_floor:
      return "round_prefer_floor";
    case Resize::Nearest::round_prefer_ceil:
      return "round_prefer_ceil";
  }
  return "";
}

// [outputs, inputs], or its transpose: what each output is made of.
std::vector<float> tap_matrix(const std::vector<int32_t>& from, const std::vector<int32_t>& weight,
                              size_t inputs, bool transposed) {
  const size_t outputs = from.size();
  std::vector<float> matrix(outputs * inputs);
  const auto at = [&](size_t o, size_t i) -> float& {
    return matrix[transposed ? i * outputs + o : o * inputs + i];
  };
  for (size_t o = 0; o < outputs; ++o) {
    const auto i = static_cast<size_t>(from[o]);
    at(o, i) += static_cast<float>(128 - weight[o]) / 128;
    at(o, std::min(i + 1, inputs - 1)) += static_cast<float>(weight[o]) / 128;
  }
  return matrix;
}

Emitted emit(Emitter& out, const Step& step, const ResizeStep& op) {
  const std::string& name = name_of(out, step);
  const auto& in = out.tensor(step.inputs[0]).shape;
  const std::string x = out.value(step.inputs[0], first);
  std::string resized;
  if (const auto known = recognize_resize(op, in[1], in[2])) {
    resized = out.node(
        "Resize", {x, "", "", out.integers(out.dims(step.output, first), concat(name, "/sizes"))},
        concat(name, "/resize"),
        {attribute("mode", mode_name(*known)),
         attribute("coordinate_transformation_mode", coordinates_name(*known)),
         attribute("nearest_mode", nearest_name_of(*known))});
  } else {
    const auto rows = static_cast<size_t>(in[1]), columns = static_cast<size_t>(in[2]);
    constexpr size_t most_taps = size_t{1} << 26;
    if (std::max(rows * op.row.size(), columns * op.column.size()) > most_taps) {
      return {"its taps are those of no Resize, and too many for a matrix"};
    }
    const std::string vertical =
        out.floats({static_cast<int64_t>(op.row.size()), in[1]},
                   tap_matrix(op.row, op.row_weight, rows, false), concat(name, "/rows"));
    const std::string horizontal = out.floats(
        {in[2], static_cast<int64_t>(op.column.size())},
        tap_matrix(op.column, op.column_weight, columns, true), concat(name, "/columns"));
    resized = out.node("MatMul",
                       {out.node("MatMul", {vertical, x}, concat(name, "/vertical")), horizontal},
                       concat(name, "/resize"));
  }
  constexpr double weights = 128 * 128;
  return {"", finish_step(out, step, op.epilogue, first,
                          scaled_input(out, step, op.epilogue, resized, first, weights))};
}

template <class Op>
bool emit_if(Emitter& out, const Step& step, Emitted& made) {
  const auto* op = std::get_if<Op>(&step.op);
  if (op == nullptr) return false;
  made = emit(out, step, *op);
  return true;
}

template <class... Ops>
Emitted emit_one_of(Emitter& out, const Step& step) {
  Emitted made{concat("there is no ", step_operator_name(step.op), " in ONNX")};
  (emit_if<Ops>(out, step, made) || ...);
  return made;
}

}  // namespace

Emitted emit_step(Emitter& out, const Step& step) {
  return emit_one_of<ConvolutionStep, PoolStep, AddStep, MultiplyStep, DivideStep, RescaleStep,
                     GatherStep, ConcatStep, ReshapeStep, LayerNormStep, L2NormalizeStep,
                     SoftmaxStep, MatMulStep, ResizeStep, PermuteStep, ConstantStep>(out, step);
}

void emit_input(Emitter& out, const std::string& name) {
  const Plan& plan = out.plan();
  const uint32_t t = plan.input;
  const PlanTensor& tensor = out.tensor(t);
  const Storage& to = out.storage(t);
  const size_t channels = out.channels(t);
  PerChannel factor(channels), offset(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double unit = to.unit_of(c);
    const size_t m = std::min<size_t>(c, 2);
    const double zero = of_channel(tensor.zero_point, c);
    factor[c] = plan.picture_input ? unit * plan.preprocess.std[m]
                                   : unit / double{of_channel(tensor.scale, c)};
    offset[c] = -unit * to.offset_of(c);
    if (plan.picture_input) offset[c] += unit * (plan.preprocess.mean[m] - zero);
    if (std::fabs(offset[c]) < 1e-6 * unit) offset[c] = 0;
  }
  out.store(t, out.affine(name, factor, offset, first, tensor.name), first);
}

}  // namespace octavo
