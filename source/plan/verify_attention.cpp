// The steps of attention and of what stands around it: normalizations, softmax, the
// product of two activations, resize, permute, constants.
#include <numeric>

#include "plan/verify_parts.h"

namespace octavo::plan_check {

namespace {

Status verify_one_scale(const StepPlace& at, size_t i) {
  if (at.is_input_uniform(i)) return {};
  return at.error("input ", i, " must have one scale and one zero point, not one a channel");
}

// A step over the channels of each pixel, at most so many of them.
Status verify_over_channels(const StepPlace& at, const Epilogue& epilogue, int64_t most) {
  if (at.input(0).shape != at.output().shape) return wrong_shape(at);
  if (channels(at.input(0)) > most) {
    return at.error("it goes over ", channels(at.input(0)), " channels; the most is ", most);
  }
  if (const Status one = verify_one_scale(at, 0); !one) return one;
  return verify_epilogue(at, epilogue, nullptr);
}

// C^2 (x - z)^2 stays inside int64.
Status verify_normalized(const StepPlace& at, const Epilogue& epilogue, int32_t largest_stored) {
  const int64_t most = plan_limit::normalized_sum / std::max(1, largest_stored);
  return verify_over_channels(at, epilogue,
                              std::min<int64_t>(plan_limit::normalized_channels, most));
}

template <class Entry>
Status verify_falling(const StepPlace& at, const char* which, const std::vector<Entry>& table,
                      Entry one) {
  if (table[0] == one && std::is_sorted(table.rbegin(), table.rend())) return {};
  return at.error("its ", which, " table must begin with ", one, " and never rise");
}

// e of the largest value is then 2^15 or 2^30, so that no sum of e is zero.
Status verify_exponentials(const StepPlace& at, const char* which,
                           const std::vector<uint16_t>& table, bool is_long) {
  const size_t entries = is_long ? 512 : 256;
  if (table.size() != entries) {
    return at.error("its ", which, " table has ", table.size(), " entries; ", entries,
                    " are expected");
  }
  if (!is_long) return verify_falling(at, which, table, uint16_t{1 << 15});
  return verify_falling(at, which, long_exponentials(table), uint32_t{1} << 30);
}

Status verify_held(const StepPlace& at, const std::vector<int16_t>& values) {
  const ElementType type = at.output().type;
  const auto [smallest, largest] = levels_of(type);
  for (const int16_t bits : values) {
    const int32_t value = held_value(type, bits);
    if (value < smallest || value > largest) {
      return at.error("value ", value, " is not in the output's [", smallest, ", ", largest, "]");
    }
  }
  return {};
}

Status verify_axis(const StepPlace& at, const char* axis, const std::vector<int32_t>& from,
                   const std::vector<int32_t>& weights, int32_t in, int32_t out) {
  if (from.size() != static_cast<size_t>(out) || weights.size() != from.size()) {
    return at.error("it has ", from.size(), " ", axis, " indices and ", weights.size(),
                    " weights for ", out, " ", axis, "s of output");
  }
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i] < 0 || from[i] >= in) {
      return at.error(axis, " index ", from[i], " is not one of the input's ", in);
    }
    if (weights[i] < 0 || weights[i] > 128) {
      return at.error(axis, " weight ", weights[i], " is not in [0, 128]");
    }
  }
  return {};
}

}  // namespace

Status verify_operator(const StepPlace& at, const LayerNormStep& step, int32_t largest_stored) {
  if (!(step.epsilon >= plan_limit::smallest_epsilon &&
        step.epsilon <= plan_limit::largest_epsilon)) {
    return at.error("its epsilon ", step.epsilon, " is not a number from 2^-100 to 2^80");
  }
  if (const Status offset = verify_offset(at, step.offset); !offset) return offset;
  return verify_normalized(at, step.epilogue, largest_stored);
}

Status verify_operator(const StepPlace& at, const L2NormalizeStep& step, int32_t largest_stored) {
  if (!(step.floor >= plan_limit::smallest_floor && step.floor <= plan_limit::largest_floor)) {
    return at.error("its floor ", step.floor, " is not a number from 2^-80 to 2^20");
  }
  return verify_normalized(at, step.epilogue, largest_stored);
}

Status verify_operator(const StepPlace& at, const SoftmaxStep& step) {
  const bool is_long = has_long_exponentials(step);
  if (const Status ok = verify_exponentials(at, "coarse", step.coarse, is_long); !ok) return ok;
  if (const Status ok = verify_exponentials(at, "fine", step.fine, is_long); !ok) return ok;
  const bool wide = at.input(0).type == ElementType::u16;  // distances twice as long
  return verify_over_channels(at, step.epilogue, plan_limit::softmax_channels / (wide ? 2 : 1));
}

Status verify_operator(const StepPlace& at, const MatMulStep& step,
                       const std::vector<int32_t>& largest_stored) {
  const auto& a = at.input(0).shape;
  const auto& b = at.input(1).shape;
  const auto& out = at.output().shape;
  const int32_t depth = a[3];
  const std::array<int32_t, 4> right = step.transpose_b ? std::array{a[0], a[1], out[3], depth}
                                                        : std::array{a[0], a[1], depth, out[3]};
  if (out[0] != a[0] || out[1] != a[1] || out[2] != a[2]) return wrong_shape(at);
  if (b != right) {
    return at.error("its second input has shape ", list_text(b), "; ", list_text(right),
                    " is expected");
  }
  if (const Status one = verify_one_scale(at, 0); !one) return one;
  const bool of_bytes = at.input(1).type == ElementType::i8;
  if (step.transpose_b || !of_bytes) {
    if (const Status one = verify_one_scale(at, 1); !one) return one;
  }
  // With a zero point its share may be summed apart from the stored products.
  int64_t largest = 1;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    largest *= largest_stored[at.step().inputs[i]] * (is_unsigned(at.input(i).type) ? 2 : 1);
  }
  const bool wide = !of_bytes || at.input(0).type == ElementType::u16;
  if (largest > 0 && depth > (wide ? plan_limit::wide_sum : INT32_MAX) / largest) {
    return at.error("a sum of ", depth, " products can reach ", depth, " * ", largest,
                    ", more than ", wide ? "53" : "32", " bits hold");
  }
  const PlanTensor* residual = step.epilogue.has_residual ? &at.input(2) : nullptr;
  return verify_epilogue(at, step.epilogue, residual);
}

Status verify_operator(const StepPlace& at, const ResizeStep& step) {
  const auto& in = at.input(0).shape;
  const auto& out = at.output().shape;
  if (in[0] != out[0] || in[3] != out[3]) return wrong_shape(at);
  if (const Status ok = verify_axis(at, "row", step.row, step.row_weight, in[1], out[1]); !ok) {
    return ok;
  }
  if (const Status ok = verify_axis(at, "column", step.column, step.column_weight, in[2], out[2]);
      !ok) {
    return ok;
  }
  // The weights sum to 2^14, so that 2^30 is the largest sum.
  return verify_epilogue(at, step.epilogue, nullptr);
}

Status verify_operator(const StepPlace& at, const PermuteStep& step) {
  const size_t rank = step.dims.size();
  if (rank < 1 || rank > plan_limit::permuted_axes || step.perm.size() != rank) {
    return at.error("it permutes ", rank, " dimensions by ", step.perm.size(), " indices; 1 to ",
                    plan_limit::permuted_axes, " of both are expected");
  }
  int64_t product = 1;
  for (const int32_t size : step.dims) product = bounded_product({product, size});
  if (product != elements(at.input(0)) || product != elements(at.output())) {
    return at.error("dimensions ", list_text(step.dims), " do not hold an input of ",
                    list_text(at.input(0).shape), " and an output of ",
                    list_text(at.output().shape));
  }
  std::vector<bool> taken(rank);
  for (const int32_t axis : step.perm) {
    if (axis < 0 || static_cast<size_t>(axis) >= rank || taken[static_cast<size_t>(axis)]) {
      return at.error(list_text(step.perm), " is no order of ", rank, " axes");
    }
    taken[static_cast<size_t>(axis)] = true;
  }
  if (const Status type = verify_moved_type(at); !type) return type;
  const int32_t last = static_cast<int32_t>(rank) - 1;
  if (step.perm.back() != last) return verify_moved_freely(at, 1);
  return verify_moved_freely(
      at, std::gcd(step.dims.back(), std::gcd(channels(at.input(0)), channels(at.output()))));
}

Status verify_operator(const StepPlace& at, const ConstantStep& step) {
  if (static_cast<int64_t>(step.values.size()) != elements(at.output())) {
    return at.error("it has ", step.values.size(), " values for an output of ",
                    list_text(at.output().shape));
  }
  return verify_held(at, step.values);
}

Status verify_operator(const StepPlace& at, const LookupStep& step) {
  const ElementType type = at.input(0).type;
  if (!is_unsigned(type)) return at.error("its input must be u8 or u16");
  const auto levels = static_cast<size_t>(levels_of(type).hi) + 1;
  if (at.input(0).shape != at.output().shape) return wrong_shape(at);
  const size_t tables = step.table.size() / levels;
  const bool by_channel =
      type == ElementType::u8 && tables == static_cast<size_t>(channels(at.output()));
  if (step.table.size() % levels != 0 || (tables != 1 && !by_channel)) {
    return at.error(
        "its table has ", step.table.size(), " entries; ", levels,
        type == ElementType::u8 ? ", or as many a channel, are expected" : " are expected");
  }
  return verify_held(at, step.table);
}

}  // namespace octavo::plan_check
