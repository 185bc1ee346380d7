// What random plans are put together of: tensors, epilogues, windows and weights, drawn from a
// seed.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "plan/plan.h"
#include "plan/random.h"
#include "plan/random_plan.h"

namespace octavo::testing {

class RandomPlanParts {
 protected:
  RandomPlanParts(uint64_t seed, const RandomPlanOptions& options)
      : random_(seed), options_(options) {}

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
    if (sums_are_wide && random_.chance(0.3f)) step.weight_type = ElementType::i16;
    const bool words = step.weight_type == ElementType::i16;
    const int32_t widest = words ? 32767 : 127;
    const int32_t limit = static_cast<int32_t>(std::min<int64_t>(widest, fitting));
    step.weights.clear();
    step.bias.clear();
    const float spread = (is_wide(input) ? 0.3f * static_cast<float>(largest_[input]) : 73.0f) *
                         std::sqrt(static_cast<float>(taps)) *
                         static_cast<float>(std::max(limit, 1)) * 0.58f;
    for (int32_t o = 0; o < outputs; ++o) {
      int64_t folded = 0;
      const int32_t first_channel = o / (outputs / step.groups) * group_channels;
      for (int64_t i = 0; i < taps; ++i) {
        int32_t weight = random_.integer(-limit, limit);
        if (options_.extremes && random_.chance(0.5f)) {
          weight = random_.chance(0.5f) ? limit : limit == widest ? -widest - 1 : -limit;
        }
        step.weights.push_back(static_cast<int8_t>(weight));
        if (words) step.weights.push_back(static_cast<int8_t>(weight >> 8));
        folded += int64_t{weight} *
                  zero_point(input, first_channel + static_cast<int32_t>(i % group_channels));
      }
      const auto noise = static_cast<int64_t>(random_.uniform(-0.5f, 0.5f) * spread);
      constexpr int64_t most = 2147483647;
      const int64_t bias = words ? noise - folded : std::clamp(noise - folded, -most, most);
      step.bias.push_back(static_cast<int32_t>(bias));
      if (words) step.bias.push_back(static_cast<int32_t>(bias >> 32));
    }
    return spread;
  }

  int32_t some_channels() { return random_.integer(1, options_.largest_channels); }

  Random random_;
  RandomPlanOptions options_;
  Plan plan_;
  std::vector<int> reads_;        // how often each tensor is read
  std::vector<int64_t> largest_;  // the largest magnitude it stores
};

}  // namespace octavo::testing
