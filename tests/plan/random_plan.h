// Random plans that pass verify(): DAGs of every kind of step, activation and element
// type, over odd shapes, with multipliers that keep the values spread over their
// range instead of all clamped. Every tensor reaches the output. For the tests of
// the plan, the runtime and the kernels: random_plan(seed) is the same everywhere.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "plan/plan.h"
#include "plan/random.h"

namespace octavo::testing {

struct RandomPlanOptions {
  int steps = 10;             // drawn, before the head that gathers what was not read
  int largest_side = 17;      // of the input picture
  int largest_channels = 40;  // of most tensors
  int classes = 11;
  bool int16 = true;        // some tensors are i16
  bool attention = true;    // also what format 0.2 added
  bool quotients = true;    // and quotients
  bool given_codes = true;  // also what quantized files store: u16, and lookups
  // Strides and dilations that nothing reaches, of up to the limits; windows far larger than
  // the map, that lie in padding but for a pixel.
  bool hostile_windows = false;
  bool straight = false;  // convolutions and pools, each of what the one before makes
  bool extremes = false;  // weights of -128 and 127, zero points 0 and 255, narrow clamps
};

class RandomPlanMaker {
 public:
  RandomPlanMaker(uint64_t seed, const RandomPlanOptions& options)
      : random_(seed), options_(options) {}

  Plan make() {
    add_input();
    while (static_cast<int>(plan_.steps.size()) < options_.steps) add_random_step();
    add_head();
    add_description();
    return std::move(plan_);
  }

 private:
  using Shape = std::array<int32_t, 4>;

  PlanTensor& tensor(uint32_t id) { return plan_.tensors[id]; }
  Shape shape_of(uint32_t id) const { return plan_.tensors[id].shape; }
  static bool is_wide(ElementType type) {
    return type == ElementType::i16 || type == ElementType::u16;
  }
  static bool is_unsigned(ElementType type) {
    return type == ElementType::u8 || type == ElementType::u16;
  }
  static int32_t most_of(ElementType type) {
    return type == ElementType::u16   ? 65535
           : type == ElementType::i16 ? 32767
           : type == ElementType::i8  ? 127
                                      : 255;
  }
  bool is_i16(uint32_t id) const { return plan_.tensors[id].type == ElementType::i16; }
  bool is_wide(uint32_t id) const { return is_wide(plan_.tensors[id].type); }
  bool is_i8(uint32_t id) const { return plan_.tensors[id].type == ElementType::i8; }
  int32_t zero_point(uint32_t id, int32_t channel) const {
    const auto& values = plan_.tensors[id].zero_point;
    return values.size() == 1 ? values[0] : values[static_cast<size_t>(channel)];
  }
  float scale(uint32_t id, int32_t channel) const {
    const auto& values = plan_.tensors[id].scale;
    return values.size() == 1 ? values[0] : values[static_cast<size_t>(channel)];
  }
  // The length of a vector: one, or one a channel.
  size_t some_length(int32_t channels) {
    return random_.chance(0.5f) ? 1 : static_cast<size_t>(channels);
  }

  int32_t random_zero_point(ElementType type) {
    const int32_t most = most_of(type);
    if (options_.extremes && random_.chance(0.6f)) return random_.chance(0.5f) ? 0 : most;
    return random_.integer(0, most);
  }

  uint32_t add_tensor(Shape shape, ElementType type) {
    PlanTensor made;
    made.name = concat("tensor", plan_.tensors.size());
    made.shape = shape;
    made.type = type;
    made.scale.assign(some_length(shape[3]), 0);
    for (float& value : made.scale) value = random_.uniform(0.001f, 0.2f);
    made.zero_point.assign(is_unsigned(type) ? some_length(shape[3]) : 1, 0);
    if (is_unsigned(type)) {
      for (int32_t& value : made.zero_point) value = random_zero_point(type);
    }
    plan_.tensors.push_back(std::move(made));
    reads_.push_back(0);
    largest_.push_back(most_of(type));
    return static_cast<uint32_t>(plan_.tensors.size() - 1);
  }
  ElementType some_type() {
    if (options_.given_codes && random_.chance(0.15f)) return ElementType::u16;
    return options_.int16 && random_.chance(0.25f) ? ElementType::i16 : ElementType::u8;
  }

  uint32_t add_step(StepOperator op, std::vector<uint32_t> inputs, uint32_t output) {
    Step step;
    step.name = concat("node", plan_.steps.size());
    for (int64_t i = random_.between(0, 2); i > 0; --i) {
      step.merged.push_back(concat(step.name, "/merged", i));
    }
    for (const uint32_t input : inputs) ++reads_[input];
    step.op = std::move(op);
    step.inputs = std::move(inputs);
    step.output = output;
    plan_.steps.push_back(std::move(step));
    return output;
  }

  void add_input() {
    plan_.picture_input = random_.chance(0.7f);
    Preprocess& how = plan_.preprocess;
    how.height = random_.integer(1, options_.largest_side);
    how.width = random_.integer(1, options_.largest_side);
    how.resize_short = random_.chance(0.2f) ? 0 : random_.integer(1, 300);
    how.interpolation = static_cast<Interpolation>(random_.between(0, 2));
    how.color = static_cast<ColorOrder>(random_.between(0, 2));
    how.exif_rotate = random_.chance(0.2f);
    how.via_nv12 = random_.chance(0.2f);
    for (float& mean : how.mean) mean = random_.uniform(0, 255);
    for (float& std : how.std) std = random_.uniform(1, 128);
    const int32_t channels =
        plan_.picture_input ? how.channels() : random_.integer(1, options_.largest_channels);
    plan_.input = add_tensor({1, how.height, how.width, channels},
                             plan_.picture_input ? ElementType::u8 : some_type());
    if (is_i16(plan_.input)) largest_[plan_.input] = 32768;  // a caller's values are not checked
  }

  // Mostly what was made last and not yet read, so that plans grow deep.
  uint32_t some_tensor() {
    const auto count = static_cast<int64_t>(plan_.tensors.size());
    for (int attempt = 0; attempt < 4; ++attempt) {
      const auto id =
          static_cast<uint32_t>(random_.between(std::max<int64_t>(0, count - 5), count - 1));
      if (!is_i8(id) && (reads_[id] == 0 || random_.chance(0.3f))) return id;
    }
    return static_cast<uint32_t>(count - 1);  // never i8: its product follows at once
  }
  // i8 tensors are read by what follows them at once, and by nothing else.
  template <class Predicate>
  std::vector<uint32_t> tensors_where(Predicate holds) const {
    std::vector<uint32_t> found;
    for (uint32_t id = 0; id < plan_.tensors.size(); ++id) {
      if (!is_i8(id) && holds(id)) found.push_back(id);
    }
    return found;
  }

  // Multipliers for an integer of about `spread`, so that the stored values of the
  // output fill their type.
  void fill_epilogue(Epilogue& epilogue, float spread, uint32_t output) {
    const int32_t channels = shape_of(output)[3];
    const ElementType type = tensor(output).type;
    const float stored = type == ElementType::u8   ? 60.0f
                         : is_wide(type)           ? 9000.0f
                         : type == ElementType::i8 ? 40.0f
                                                   : 4;
    epilogue.activation = static_cast<Activation>(random_.between(0, 4));
    const float argument = epilogue.activation == Activation::none    ? stored
                           : epilogue.activation == Activation::table ? 9000.0f
                                                                      : 3.0f;
    epilogue.multiplier = around(argument / spread, channels);
    fill_activation(epilogue, stored, channels);
    fill_clamp(epilogue, output);
  }

  // Positive values within a factor of two of `centre`.
  std::vector<float> around(float centre, int32_t channels) {
    std::vector<float> values(some_length(channels));
    for (float& value : values) value = centre * random_.uniform(0.5f, 2.0f);
    return values;
  }
  std::vector<float> of_either_sign(std::vector<float> values) {
    for (float& value : values) value = random_.chance(0.25f) ? -value : value;
    return values;
  }

  void fill_activation(Epilogue& epilogue, float stored, int32_t channels) {
    switch (epilogue.activation) {
      case Activation::none:
        return;
      case Activation::clip:
        epilogue.alpha = random_.uniform(-2, 0.5f);
        epilogue.beta = random_.chance(0.3f) ? 3.0e38f : random_.uniform(0.5f, 6);
        epilogue.output_multiplier = around(stored / 2, channels);
        return;
      case Activation::hard_swish:
      case Activation::hard_sigmoid:
        epilogue.alpha = 1.0f / 6;
        epilogue.beta = 0.5f;
        epilogue.output_multiplier = around(stored, channels);
        return;
      case Activation::table:
        epilogue.table.resize(65);
        for (int16_t& knot : epilogue.table) {
          knot = static_cast<int16_t>(random_.integer(-16383, 16383));
        }
        epilogue.output_multiplier = around(stored * 0x1p-24f, channels);
        return;
    }
  }

  void fill_clamp(Epilogue& epilogue, uint32_t output) {
    const ElementType type = tensor(output).type;
    if (type == ElementType::f32) return;
    int32_t smallest = 0, largest = most_of(type);
    if (type == ElementType::i16) {
      largest = (1 << random_.integer(11, 15)) - 1;  // 12 to 16 bits
      smallest = -largest;
      largest_[output] = largest;
    }
    if (type == ElementType::i8) smallest = -largest;
    const bool narrow = random_.chance(options_.extremes ? 0.6f : 0.2f);
    const size_t length = narrow ? some_length(shape_of(output)[3]) : 1;
    epilogue.lo.assign(length, smallest);
    epilogue.hi.assign(length, largest);
    for (size_t i = 0; narrow && i < length; ++i) {
      epilogue.lo[i] = random_.integer(smallest, largest);
      epilogue.hi[i] = random_.integer(epilogue.lo[i], largest);
    }
  }

  struct Axis {
    int32_t kernel, stride, dilation, before, after, output;
  };
  Axis some_axis(int32_t size, int32_t largest_kernel, bool dilate) {
    Axis axis{};
    do {
      axis.kernel = random_.integer(1, largest_kernel);
      axis.stride = random_.integer(1, random_.chance(0.7f) ? 1 : 3);
      axis.dilation = dilate && random_.chance(0.2f) ? random_.integer(2, 3) : 1;
      axis.before = random_.integer(0, axis.kernel - 1);
      axis.after = random_.integer(0, axis.kernel - 1);
    } while (size + axis.before + axis.after < axis.dilation * (axis.kernel - 1) + 1);
    axis.output =
        (size + axis.before + axis.after - axis.dilation * (axis.kernel - 1) - 1) / axis.stride + 1;
    return axis;
  }
  // Anything from 1 to `most`, of every order of magnitude alike.
  int32_t any_size(int32_t most) {
    const int32_t reach = random_.integer(0, 30);
    return random_.integer(1, std::min(most, reach == 30 ? 1 << 30 : (2 << reach) - 1));
  }

  // An axis that verify() must let pass, and that says as much as it can without meaning it.
  Axis hostile_axis(int32_t size, int32_t largest_kernel, bool dilate) {
    constexpr int32_t most = 1 << 30, most_padding = 2000;
    Axis axis{};
    axis.kernel = any_size(largest_kernel);
    axis.dilation = !dilate            ? 1
                    : axis.kernel == 1 ? any_size(most)
                                       : any_size(std::max(1, most_padding / (axis.kernel - 1)));
    const int32_t extent = axis.kernel == 1 ? 1 : axis.dilation * (axis.kernel - 1) + 1;
    // A window holds a pixel at least: a pool without has no value.
    axis.before = random_.integer(0, std::min(extent - 1, most_padding));
    const int32_t missing = std::max(0, extent - size - axis.before);
    axis.after = missing + (random_.chance(0.5f) ? 0 : random_.integer(0, 40));
    const int32_t slack = size + axis.before + axis.after - extent;
    axis.stride = random_.chance(0.5f) ? any_size(most) : random_.integer(1, slack + 2);
    // Few windows, or the map is not tiny any more; none may begin behind the map.
    const int32_t last = std::min(slack, size + axis.before - 1);
    if (slack / axis.stride > 12) axis.stride = slack / random_.integer(1, 12);
    if (slack / axis.stride * int64_t{axis.stride} > last) axis.stride = slack + 1;
    axis.output = slack / axis.stride + 1;
    return axis;
  }

  // Two axes; of `most_taps` taps together at most where they are hostile.
  std::pair<Axis, Axis> some_axes(const Shape& in, int32_t largest_kernel, bool dilate,
                                  int32_t most_taps) {
    if (!options_.hostile_windows || random_.chance(0.4f)) {
      const Axis v = some_axis(in[1], largest_kernel, dilate);
      return {v, some_axis(in[2], largest_kernel, dilate)};
    }
    const Axis v = hostile_axis(in[1], most_taps, dilate);
    return {v, hostile_axis(in[2], std::max(1, most_taps / v.kernel), dilate)};
  }

  // Stride one and as much padding as keeps the size.
  Axis same_axis(int32_t size) {
    const int32_t kernel = random_.integer(1, 5), before = random_.integer(0, kernel - 1);
    return {kernel, 1, 1, before, kernel - 1 - before, size};
  }

  // Weights and bias such that the sums fit: see the accumulator's proof in verify().
  float fill_weights(ConvolutionStep& step, uint32_t input, int32_t outputs) {
    const int32_t group_channels = shape_of(input)[3] / step.groups;
    const int64_t window = int64_t{step.kernel[0]} * step.kernel[1];
    const int64_t taps = window * group_channels;
    const bool sums_are_wide = tensor(input).type == ElementType::u16;
    const int64_t fitting =
        (sums_are_wide ? int64_t{1} << 52 : int64_t{0x60000000}) / (taps * largest_[input]);
    const int32_t limit = static_cast<int32_t>(std::min<int64_t>(127, fitting));
    step.weights.resize(static_cast<size_t>(outputs * taps));
    step.bias.resize(static_cast<size_t>(outputs));
    const float spread = (is_wide(input) ? 0.3f * static_cast<float>(largest_[input]) : 73.0f) *
                         std::sqrt(static_cast<float>(taps)) *
                         static_cast<float>(std::max(limit, 1)) * 0.58f;
    for (int32_t o = 0; o < outputs; ++o) {
      int64_t folded = 0;
      const int32_t first_channel = o / (outputs / step.groups) * group_channels;
      for (int64_t i = 0; i < taps; ++i) {
        int32_t weight = random_.integer(-limit, limit);
        if (options_.extremes && random_.chance(0.5f)) {
          weight = random_.chance(0.5f) ? limit : limit == 127 ? -128 : -limit;
        }
        step.weights[static_cast<size_t>(o * taps + i)] = static_cast<int8_t>(weight);
        folded += int64_t{weight} *
                  zero_point(input, first_channel + static_cast<int32_t>(i % group_channels));
      }
      const auto noise = static_cast<int64_t>(random_.uniform(-0.5f, 0.5f) * spread);
      constexpr int64_t most = 2147483647;
      step.bias[static_cast<size_t>(o)] =
          static_cast<int32_t>(std::clamp(noise - folded, -most, most));
    }
    return spread;
  }

  int32_t some_channels() { return random_.integer(1, options_.largest_channels); }

  uint32_t add_convolution(uint32_t x, ConvolutionStep step, Axis v, Axis h, int32_t outputs,
                           ElementType type, const uint32_t* residual = nullptr) {
    step.kernel = {v.kernel, h.kernel};
    step.stride = {v.stride, h.stride};
    step.dilation = {v.dilation, h.dilation};
    step.pads = {v.before, h.before, v.after, h.after};
    const uint32_t output = add_tensor({shape_of(x)[0], v.output, h.output, outputs}, type);
    const float spread = fill_weights(step, x, outputs);
    fill_epilogue(step.epilogue, spread, output);
    std::vector<uint32_t> inputs{x};
    if (residual != nullptr) {
      const float stored = is_wide(*residual) ? 9000.0f : 60.0f;
      step.epilogue.has_residual = true;
      step.epilogue.residual_multiplier =
          of_either_sign(around((is_wide(type) ? 9000.0f : 60.0f) / stored, outputs));
      inputs.push_back(*residual);
    }
    return add_step(std::move(step), std::move(inputs), output);
  }

  void add_some_convolution(uint32_t x) {
    const Shape in = shape_of(x);
    ConvolutionStep step;
    int32_t outputs = some_channels();
    const int64_t form = random_.between(0, 3);
    if (form == 0) {  // pointwise
      const Axis v{1, 1, 1, 0, 0, in[1]}, h{1, 1, 1, 0, 0, in[2]};
      add_convolution(x, step, v, h, outputs, some_type());
      return;
    }
    if (form == 1) {  // depthwise
      step.groups = outputs = in[3];
    } else if (form == 2) {  // grouped
      std::vector<int32_t> divisors;
      for (int32_t g = 1; g <= in[3]; ++g) {
        if (in[3] % g == 0) divisors.push_back(g);
      }
      step.groups = random_.pick(divisors);
      outputs =
          step.groups * random_.integer(1, std::max(1, options_.largest_channels / step.groups));
    }
    const auto [v, h] = some_axes(in, 7, true, 20000 / (in[3] / step.groups * outputs) + 1);
    add_convolution(x, step, v, h, outputs, some_type());
  }

  bool are_maps_equal(uint32_t a, uint32_t b) const {
    const Shape x = shape_of(a), y = shape_of(b);
    return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
  }

  void add_residual_convolution(uint32_t x) {
    const Shape in = shape_of(x);
    const uint32_t residual =
        random_.pick(tensors_where([&](uint32_t id) { return are_maps_equal(id, x); }));
    const int32_t outputs = shape_of(residual)[3];
    ConvolutionStep step;
    step.groups = in[3] == outputs && random_.chance(0.3f) ? in[3] : 1;
    // One after the other: the order of arguments' evaluation differs between compilers.
    const ElementType type = some_type();
    const Axis h = same_axis(in[2]), v = same_axis(in[1]);
    add_convolution(x, step, v, h, outputs, type, &residual);
  }

  uint32_t add_pool(uint32_t x, PoolStep step, int32_t height, int32_t width, ElementType type) {
    const Shape in = shape_of(x);
    const uint32_t output = add_tensor({in[0], height, width, in[3]}, type);
    if (step.kind == PoolStep::Kind::maximum) {
      tensor(output).scale = tensor(x).scale;
      tensor(output).zero_point = tensor(x).zero_point;
      largest_[output] = largest_[x];
    } else {
      const int64_t pixels =
          int64_t{std::min(step.kernel[0], in[1])} * std::min(step.kernel[1], in[2]);
      const float stored = is_wide(x) ? 0.3f * static_cast<float>(largest_[x]) : 90.0f;
      // f divides by the pixels again.
      fill_epilogue(step.epilogue, stored * std::sqrt(1.0f / static_cast<float>(pixels)), output);
    }
    return add_step(std::move(step), {x}, output);
  }

  void add_some_pool(uint32_t x) {
    const Shape in = shape_of(x);
    PoolStep step;
    step.kind = static_cast<PoolStep::Kind>(random_.between(0, 1));
    step.count_include_pad = random_.chance(0.5f);
    auto [v, h] = some_axes(in, 4, false, 3000);
    for (auto [axis, size] : {std::pair{&v, in[1]}, std::pair{&h, in[2]}}) {
      // ceil_mode: one more window where it still begins inside.
      const int32_t slack = size + axis->before + axis->after - axis->kernel;
      const int32_t rounded = (slack + axis->stride - 1) / axis->stride + 1;
      if (random_.chance(0.4f)) axis->output = rounded;
      if ((axis->output - 1) * int64_t{axis->stride} >= size + axis->before) {
        *axis = {1, 1, 1, 0, 0, size};
      }
    }
    step.kernel = {v.kernel, h.kernel};
    step.stride = {v.stride, h.stride};
    step.pads = {v.before, h.before, v.after, h.after};
    const bool maximum = step.kind == PoolStep::Kind::maximum;
    add_pool(x, step, v.output, h.output, maximum ? tensor(x).type : some_type());
  }

  uint32_t add_global_pool(uint32_t x, ElementType type) {
    PoolStep step;
    step.kernel = {shape_of(x)[1], shape_of(x)[2]};
    return add_pool(x, step, 1, 1, type);
  }

  // A tensor that add and multiply take beside x: of its shape, or one pixel of it.
  uint32_t some_partner(uint32_t x) {
    const Shape shape = shape_of(x), pixel{shape[0], 1, 1, shape[3]};
    return random_.pick(
        tensors_where([&](uint32_t id) { return shape_of(id) == shape || shape_of(id) == pixel; }));
  }

  void add_sum(uint32_t x, uint32_t partner) {
    const uint32_t output = add_tensor(shape_of(x), some_type());
    AddStep step;
    fill_epilogue(step.epilogue, typical(x), output);
    const float ratio = typical(x) / typical(partner);
    step.b_multiplier = of_either_sign(around(ratio * step.epilogue.multiplier[0], shape_of(x)[3]));
    add_step(std::move(step), {x, partner}, output);
  }

  void add_product(uint32_t x, uint32_t partner) {
    const uint32_t output = add_tensor(shape_of(x), some_type());
    MultiplyStep step;
    fill_epilogue(step.epilogue, typical(x) * typical(partner), output);
    add_step(std::move(step), {x, partner}, output);
  }

  void add_quotient(uint32_t x, uint32_t partner) {
    const uint32_t output = add_tensor(shape_of(x), some_type());
    DivideStep step;
    fill_epilogue(step.epilogue, 4 * typical(x) / typical(partner), output);
    add_step(std::move(step), {x, partner}, output);
  }

  // Squeeze-and-excite: pool, two pointwise convolutions, gate.
  void add_gate(uint32_t x) {
    const int32_t channels = shape_of(x)[3];
    const Axis point{1, 1, 1, 0, 0, 1};
    const uint32_t squeezed = add_global_pool(x, some_type());
    const uint32_t reduced =
        add_convolution(squeezed, {}, point, point, some_channels(), ElementType::u8);
    const uint32_t gate = add_convolution(reduced, {}, point, point, channels, some_type());
    add_product(x, gate);
  }

  void add_rescale(uint32_t x) {
    const uint32_t output = add_tensor(shape_of(x), some_type());
    RescaleStep step;
    fill_epilogue(step.epilogue, typical(x), output);
    step.epilogue.multiplier = of_either_sign(step.epilogue.multiplier);
    step.offset.assign(some_length(shape_of(x)[3]), 0);
    for (float& value : step.offset) {
      value = random_.uniform(-20, 20) * step.epilogue.multiplier[0];
    }
    add_step(std::move(step), {x}, output);
  }

  // Scales and zero points of a tensor whose channels come from elsewhere.
  void describe_moved(uint32_t output, const std::vector<std::pair<uint32_t, int32_t>>& origins) {
    PlanTensor& moved = tensor(output);
    moved.scale.clear();
    moved.zero_point.clear();
    for (const auto& [id, channel] : origins) {
      moved.scale.push_back(scale(id, channel));
      moved.zero_point.push_back(zero_point(id, channel));
      largest_[output] = std::max(largest_[output], largest_[id]);
    }
  }

  void add_gather(uint32_t x) {
    const Shape in = shape_of(x);
    GatherStep step;
    const int64_t form = random_.between(0, 2);
    if (form == 0) {  // a slice
      const int32_t first = random_.integer(0, in[3] - 1), last = random_.integer(first, in[3] - 1);
      for (int32_t c = first; c <= last; ++c) step.channels.push_back(c);
    } else if (form == 1) {  // a shuffle, where the channels divide
      const int32_t groups = in[3] % 4 == 0 ? 4 : in[3] % 3 == 0 ? 3 : in[3] % 2 == 0 ? 2 : 1;
      for (int32_t c = 0; c < in[3]; ++c) {
        step.channels.push_back(c % groups * (in[3] / groups) + c / groups);
      }
    } else {
      for (int32_t c = some_channels(); c > 0; --c) {
        step.channels.push_back(random_.integer(0, in[3] - 1));
      }
    }
    const auto count = static_cast<int32_t>(step.channels.size());
    const uint32_t output = add_tensor({in[0], in[1], in[2], count}, tensor(x).type);
    std::vector<std::pair<uint32_t, int32_t>> origins;
    for (const int32_t channel : step.channels) origins.emplace_back(x, channel);
    largest_[output] = 0;
    describe_moved(output, origins);
    add_step(std::move(step), {x}, output);
  }

  uint32_t add_concat(const std::vector<uint32_t>& inputs) {
    Shape shape = shape_of(inputs[0]);
    std::vector<std::pair<uint32_t, int32_t>> origins;
    for (const uint32_t id : inputs) {
      for (int32_t c = 0; c < shape_of(id)[3]; ++c) origins.emplace_back(id, c);
    }
    shape[3] = static_cast<int32_t>(origins.size());
    const uint32_t output = add_tensor(shape, tensor(inputs[0]).type);
    largest_[output] = 0;
    describe_moved(output, origins);
    return add_step(ConcatStep{}, inputs, output);
  }

  void add_some_concat(uint32_t x) {
    const auto partners = tensors_where(
        [&](uint32_t id) { return are_maps_equal(id, x) && tensor(id).type == tensor(x).type; });
    std::vector<uint32_t> inputs{x};
    int32_t channels = shape_of(x)[3];
    for (int64_t i = random_.between(0, 3); i > 0; --i) {
      const uint32_t id = random_.pick(partners);
      if (channels + shape_of(id)[3] > 2 * options_.largest_channels) break;
      channels += shape_of(id)[3];
      inputs.push_back(id);
    }
    add_concat(inputs);
  }

  int32_t divisor_up_to_4(int32_t size) {
    std::vector<int32_t> divisors;
    for (int32_t i = 1; i <= 4; ++i) {
      if (size % i == 0) divisors.push_back(i);
    }
    return random_.pick(divisors);
  }

  void add_reshape(uint32_t x) {
    const Shape in = shape_of(x);
    const bool uniform = tensor(x).scale.size() == 1 && tensor(x).zero_point.size() == 1;
    const int32_t elements = in[0] * in[1] * in[2] * in[3];
    Shape shape{1, in[0] * in[2], in[1], in[3]};
    if (options_.attention && random_.chance(0.4f)) {
      const int32_t maps = divisor_up_to_4(in[0] * in[1]);
      shape = {maps, in[0] * in[1] / maps, in[2], in[3]};
    } else if (uniform && elements <= 16 * options_.largest_channels && random_.chance(0.7f)) {
      shape = {1, 1, 1, elements};
    } else if (random_.chance(0.5f)) {
      shape = {1, 1, in[0] * in[1] * in[2], in[3]};
    }
    add_reshaped(x, shape);
  }

  uint32_t add_reshaped(uint32_t x, Shape shape) {
    const uint32_t output = add_tensor(shape, tensor(x).type);
    tensor(output).scale = tensor(x).scale;
    tensor(output).zero_point = tensor(x).zero_point;
    largest_[output] = largest_[x];
    return add_step(ReshapeStep{}, {x}, output);
  }

  // --- what format 0.2 added ---

  bool is_uniform(uint32_t id) {
    return tensor(id).scale.size() == 1 && tensor(id).zero_point.size() == 1;
  }
  void make_uniform(uint32_t id) {
    tensor(id).scale.resize(1);
    tensor(id).zero_point.resize(1);
  }
  float typical(uint32_t id) { return is_wide(id) ? 9000.0f : 90.0f; }

  // x by a multiply-add, as a tensor of one scale and zero point.
  uint32_t add_uniform_copy(uint32_t x, ElementType type) {
    const uint32_t output = add_tensor(shape_of(x), type);
    make_uniform(output);
    RescaleStep step;
    fill_epilogue(step.epilogue, typical(x), output);
    return add_step(std::move(step), {x}, output);
  }
  uint32_t uniform(uint32_t x) { return is_uniform(x) ? x : add_uniform_copy(x, some_type()); }

  void add_layer_norm(uint32_t from) {
    const uint32_t x = uniform(from);
    const uint32_t output = add_tensor(shape_of(x), some_type());
    LayerNormStep step;
    step.epsilon = random_.uniform(0.5f, 1000);
    fill_epilogue(step.epilogue, 1, output);
    step.epilogue.multiplier = of_either_sign(step.epilogue.multiplier);
    step.offset = around(step.epilogue.multiplier[0], shape_of(x)[3]);
    add_step(std::move(step), {x}, output);
  }

  void add_l2_normalize(uint32_t from) {
    const uint32_t x = uniform(from);
    const uint32_t output = add_tensor(shape_of(x), some_type());
    L2NormalizeStep step;
    step.floor = random_.uniform(0.01f, 10);
    fill_epilogue(step.epilogue, 1 / std::sqrt(static_cast<float>(shape_of(x)[3])), output);
    add_step(std::move(step), {x}, output);
  }

  // 2^15 times something that falls by a random factor from entry to entry.
  std::vector<uint16_t> falling_table(int32_t least_factor) {
    const int64_t factor = random_.between(least_factor, 65536);
    std::vector<uint16_t> table{32768};
    while (table.size() < 256) {
      table.push_back(static_cast<uint16_t>(table.back() * factor >> 16));
    }
    return table;
  }

  uint32_t add_softmax(uint32_t from) {
    const uint32_t x = uniform(from);
    const uint32_t output = add_tensor(shape_of(x), some_type());
    make_uniform(output);
    SoftmaxStep step;
    step.coarse = falling_table(1000);
    step.fine = falling_table(60000);
    fill_epilogue(step.epilogue, 2 / static_cast<float>(shape_of(x)[3]), output);
    return add_step(std::move(step), {x}, output);
  }

  uint32_t add_constant(Shape shape, ElementType type) {
    const uint32_t output = add_tensor(shape, type);
    make_uniform(output);
    const int32_t largest = most_of(type);
    ConstantStep step;
    step.values.resize(static_cast<size_t>(shape[0]) * static_cast<size_t>(shape[1]) *
                       static_cast<size_t>(shape[2]) * static_cast<size_t>(shape[3]));
    largest_[output] = largest;
    for (int16_t& value : step.values) value = some_stored(type);
    return add_step(std::move(step), {}, output);
  }
  int16_t some_stored(ElementType type) {
    const int32_t largest = most_of(type);
    return static_cast<int16_t>(random_.integer(is_unsigned(type) ? 0 : -largest, largest));
  }

  // Only unsigned types are looked up.
  void add_lookup(uint32_t x) {
    if (!is_unsigned(tensor(x).type)) return add_rescale(x);
    const bool bytes = tensor(x).type == ElementType::u8;
    const uint32_t output = add_tensor(shape_of(x), some_type());
    LookupStep step;
    const size_t tables = bytes ? some_length(shape_of(x)[3]) : 1;
    step.table.resize((bytes ? 256 : 65536) * tables);
    for (int16_t& entry : step.table) entry = some_stored(tensor(output).type);
    add_step(std::move(step), {x}, output);
  }

  // Under the output shape, values of `dims` in the order of `perm`.
  uint32_t add_permute(uint32_t x, PermuteStep step, Shape shape) {
    const uint32_t output = add_tensor(shape, tensor(x).type);
    tensor(output).scale = tensor(x).scale;
    tensor(output).zero_point = tensor(x).zero_point;
    largest_[output] = largest_[x];
    return add_step(std::move(step), {x}, output);
  }

  uint32_t add_some_permute(uint32_t x) {
    Shape in = shape_of(x);
    in[1] *= in[0];
    std::vector<int32_t> dims{in[1], in[2], in[3]};
    if (in[3] % 2 == 0 && random_.chance(0.5f)) dims = {in[1], in[2], 2, in[3] / 2};
    if (in[3] % 6 == 0 && random_.chance(0.5f)) dims = {1, in[1], in[2], 2, 3, in[3] / 6};
    const bool channels_stay = !is_uniform(x);
    if (channels_stay) dims = {in[1], in[2], in[3]};
    std::vector<int32_t> perm;
    for (size_t i = 0; i < dims.size(); ++i) perm.push_back(static_cast<int32_t>(i));
    for (size_t i = dims.size() - (channels_stay ? 2 : 1); i > 0; --i) {
      std::swap(perm[i], perm[static_cast<size_t>(random_.between(0, static_cast<int64_t>(i)))]);
    }
    const int32_t last = dims[static_cast<size_t>(perm.back())];
    const int32_t first = dims[static_cast<size_t>(perm[0])];
    const int32_t pixels = in[1] * in[2] * in[3] / last;
    const int32_t maps = divisor_up_to_4(first);
    return add_permute(x, {dims, perm}, {maps, first / maps, pixels / first, last});
  }

  void add_resize(uint32_t x) {
    const Shape in = shape_of(x);
    const int32_t height = random_.integer(1, std::min(2 * in[1], 40));
    const int32_t width = random_.integer(1, std::min(2 * in[2], 40));
    const uint32_t output = add_tensor({in[0], height, width, in[3]}, some_type());
    ResizeStep step;
    for (int32_t y = 0; y < height; ++y) {
      step.row.push_back(random_.integer(0, in[1] - 1));
      step.row_weight.push_back(random_.integer(0, 128));
    }
    for (int32_t i = 0; i < width; ++i) {
      step.column.push_back(random_.integer(0, in[2] - 1));
      step.column_weight.push_back(random_.integer(0, 128));
    }
    fill_epilogue(step.epilogue, 16384 * typical(x), output);
    add_step(std::move(step), {x}, output);
  }

  // The right operand of a product by a: of a's own values, or constant.
  uint32_t add_right_operand(uint32_t a, bool transpose, int32_t& channels) {
    const Shape in = shape_of(a);
    if (random_.chance(0.3f)) {
      channels = some_channels();
      return add_constant(
          transpose ? Shape{in[0], in[1], channels, in[3]} : Shape{in[0], in[1], in[3], channels},
          ElementType::i8);
    }
    channels = in[2];
    const uint32_t b = add_uniform_copy(a, ElementType::i8);
    return transpose ? b
                     : add_permute(b, {{in[0] * in[1], in[2], in[3]}, {0, 2, 1}},
                                   {in[0], in[1], in[3], in[2]});
  }

  uint32_t add_matmul(uint32_t from) {
    uint32_t a = uniform(from);
    const int64_t terms = is_i16(a) ? 1 : 2;
    const bool sums_are_wide = tensor(a).type == ElementType::u16;
    if (!sums_are_wide && terms * shape_of(a)[3] * largest_[a] * 127 > INT32_MAX) {
      a = add_uniform_copy(a, ElementType::u8);
    }
    const Shape in = shape_of(a);
    MatMulStep step;
    step.transpose_b = random_.chance(0.5f);
    int32_t channels = 0;
    const uint32_t b = add_right_operand(a, step.transpose_b, channels);
    const Shape shape{in[0], in[1], in[2], channels};
    const auto residuals = tensors_where([&](uint32_t id) { return shape_of(id) == shape; });
    const uint32_t output = add_tensor(shape, some_type());
    fill_epilogue(step.epilogue, typical(a) * 50 * std::sqrt(static_cast<float>(shape_of(a)[3])),
                  output);
    std::vector<uint32_t> inputs{a, b};
    if (!residuals.empty() && random_.chance(0.4f)) {
      inputs.push_back(random_.pick(residuals));
      step.epilogue.has_residual = true;
      const float ratio = (is_wide(output) ? 9000.0f : 60.0f) / typical(inputs[2]);
      step.epilogue.residual_multiplier = of_either_sign(around(ratio, channels));
    }
    return add_step(std::move(step), std::move(inputs), output);
  }

  void add_some_constant(uint32_t x) {
    const ElementType type = some_type();
    const uint32_t constant = add_constant(shape_of(x), type);
    add_sum(x, constant);
  }

  int last_kind() const { return !options_.attention ? 11 : options_.quotients ? 19 : 18; }

  // What chains are made of (runtime/chain.h).
  void add_straight_step() {
    const auto x = static_cast<uint32_t>(plan_.tensors.size() - 1);
    const int64_t kind = random_.between(0, 5);
    if (kind == 0) return add_some_pool(x);
    if (kind == 1) return add_residual_convolution(x);
    add_some_convolution(x);
  }

  void add_random_step() {
    if (options_.straight) return add_straight_step();
    const uint32_t x = some_tensor();
    if (options_.given_codes && random_.chance(0.06f)) return add_lookup(x);
    switch (random_.between(0, last_kind())) {
      case 12:
        return add_layer_norm(x);
      case 13:
        return add_l2_normalize(x);
      case 14:
        add_softmax(x);
        return;
      case 15:
        add_matmul(x);
        return;
      case 16:
        return add_resize(x);
      case 17:
        add_some_permute(x);
        return;
      case 18:
        return add_some_constant(x);
      case 19:
        return add_quotient(x, some_partner(x));
      case 0:
      case 1:
      case 2:
        return add_some_convolution(x);
      case 3:
        return add_residual_convolution(x);
      case 4:
        return add_some_pool(x);
      case 5:
        return add_sum(x, some_partner(x));
      case 6:
        return add_product(x, some_partner(x));
      case 7:
        return add_gate(x);
      case 8:
        return add_rescale(x);
      case 9:
        return add_gather(x);
      case 10:
        return add_some_concat(x);
      default:
        return add_reshape(x);
    }
  }

  // Whatever nothing has read is pooled to one pixel, joined, and goes through one
  // fully connected layer to the logits.
  void add_head() {
    std::vector<uint32_t> pooled;
    for (uint32_t id : tensors_where([&](uint32_t i) { return reads_[i] == 0; })) {
      const Shape in = shape_of(id);
      if (in[0] > 1) id = add_reshaped(id, {1, in[0] * in[1], in[2], in[3]});
      pooled.push_back(add_global_pool(id, ElementType::u8));
    }
    const uint32_t joined = pooled.size() == 1 ? pooled[0] : add_concat(pooled);
    const Axis point{1, 1, 1, 0, 0, 1};
    plan_.output = add_convolution(joined, {}, point, point, options_.classes, ElementType::f32);
    plan_.softmax_removed = random_.chance(0.5f);
    if (random_.chance(0.3f)) plan_.output_kind = static_cast<OutputKind>(random_.integer(0, 3));
    if (random_.chance(0.2f)) {
      plan_.preprocess.resize_exact = {random_.integer(1, 300), random_.integer(1, 300)};
    }
  }

  void add_description() {
    if (random_.chance(0.5f)) {
      const auto classes = static_cast<int>(score_count(static_cast<size_t>(options_.classes)));
      for (int c = 0; c < classes; ++c) plan_.labels.push_back(concat("class ", c));
    }
    plan_.provenance = {"0.1.0",
                        std::string(64, 'a'),
                        std::string(64, 'b'),
                        random_.integer(1, 300),
                        "{\"method\":\"max\"}",
                        "avx2"};
    for (uint32_t step = 0; step < plan_.steps.size(); ++step) {
      plan_.report.push_back({step, random_.uniform(0.9f, 1), random_.uniform(10, 60),
                              random_.uniform(0.9f, 1), random_.uniform(10, 60)});
    }
    plan_.golden = {{random_.next(), random_.next()}, {random_.next(), random_.next()}};
  }

  Random random_;
  RandomPlanOptions options_;
  Plan plan_;
  std::vector<int> reads_;        // how often each tensor is read
  std::vector<int64_t> largest_;  // the largest magnitude it stores
};

inline Plan random_plan(uint64_t seed, const RandomPlanOptions& options = {}) {
  return RandomPlanMaker(seed, options).make();
}

}  // namespace octavo::testing
