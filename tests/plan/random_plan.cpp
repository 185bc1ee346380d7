#include "plan/random_plan.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "plan/random_plan_parts.h"

namespace octavo::testing {

namespace {

class RandomPlanMaker : RandomPlanParts {
 public:
  RandomPlanMaker(uint64_t seed, const RandomPlanOptions& options)
      : RandomPlanParts(seed, options) {}

  Plan make() {
    add_input();
    while (static_cast<int>(plan_.steps.size()) < options_.steps) add_random_step();
    add_head();
    add_description();
    return std::move(plan_);
  }

 private:
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

  std::vector<uint16_t> falling_long_table(int32_t least_factor) {
    const int64_t factor = random_.between(least_factor, 65536);
    std::vector<uint16_t> table;
    for (int64_t entry = 1 << 30; table.size() < 512; entry = entry * factor >> 16) {
      table.push_back(static_cast<uint16_t>(entry));
      table.push_back(static_cast<uint16_t>(entry >> 16));
    }
    return table;
  }

  uint32_t add_softmax(uint32_t from) {
    const uint32_t x = uniform(from);
    const uint32_t output = add_tensor(shape_of(x), some_type());
    make_uniform(output);
    SoftmaxStep step;
    const bool is_long = options_.given_codes && options_.long_exponentials && random_.chance(0.3f);
    step.coarse = is_long ? falling_long_table(1000) : falling_table(1000);
    step.fine = is_long ? falling_long_table(60000) : falling_table(60000);
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
};

}  // namespace

Plan random_plan(uint64_t seed, const RandomPlanOptions& options) {
  return RandomPlanMaker(seed, options).make();
}

}  // namespace octavo::testing
