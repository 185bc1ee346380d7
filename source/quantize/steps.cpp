#include "quantize/steps.h"

#include <algorithm>
#include <cmath>

namespace octavo {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

bool moves_only(const FormedStep& step) {
  const auto* pool = step.as<form::Pool>();
  return step.is<form::Gather>() || step.is<form::Concat>() || step.is<form::Reshape>() ||
         step.is<form::Permute>() || (pool != nullptr && pool->op.kind == Pool2d::Kind::maximum);
}

bool keeps_weights(const FormedStep& step) {
  const auto* convolution = step.as<form::Convolution>();
  return convolution != nullptr && convolution->kept != form::Convolution::Kept::none;
}

bool normalizes(const FormedStep& step) {
  return step.is<form::LayerNorm>() || step.is<form::L2Normalize>();
}

bool needs_one_scale(const FormedStep& step, size_t i) {
  if (const auto* product = step.as<form::MatMul>()) {
    return i == 0 || (i == 1 && product->transpose_b);  // else columns are channels of the result
  }
  return i == 0 && (normalizes(step) || step.is<form::Softmax>());
}

std::optional<std::array<int32_t, 4>> stored_shape(const Shape& shape) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  const size_t rank = shape.size();
  if (rank == 0) return std::array<int32_t, 4>{1, 1, 1, 1};  // one number
  std::array<int64_t, 4> out{1, 1, 1, shape[rank - 1]};
  if (rank >= 3) out[2] = shape[rank - 2];
  if (rank >= 4) out[1] = shape[rank - 3];
  const size_t leading = rank >= 4 ? rank - 3 : 1;
  for (size_t axis = 0; axis < leading && axis + 1 < rank; ++axis) {
    if (shape[axis] < 1 || shape[axis] > most) return std::nullopt;
    out[0] *= shape[axis];
    if (out[0] > most) return std::nullopt;
  }
  std::array<int32_t, 4> stored{};
  for (size_t axis = 0; axis < 4; ++axis) {
    if (out[axis] < 1 || out[axis] > most) return std::nullopt;
    stored[axis] = static_cast<int32_t>(out[axis]);
  }
  return stored;
}

RealRange activation_bounds(const Unary& unary) {
  using Kind = Unary::Kind;
  switch (unary.kind) {
    case Kind::relu:
      return {0, infinity};
    case Kind::clip:  // exporters write a missing bound as the largest float
      return {unary.alpha < -1e30f ? -infinity : unary.alpha,
              unary.beta > 1e30f ? infinity : unary.beta};
    case Kind::sigmoid:
    case Kind::hard_sigmoid:
      return {0, 1};
    case Kind::tanh:
    case Kind::erf:
      return {-1, 1};
    case Kind::hard_swish:
      return {-0.375f, infinity};
    case Kind::silu:
      return {-0.2784646f, infinity};
    case Kind::gelu:
    case Kind::gelu_tanh:
      return {-0.1700408f, infinity};
    case Kind::mish:
      return {-0.3088411f, infinity};
    case Kind::softplus:
    case Kind::absolute:
    case Kind::sqrt:
    case Kind::exp:
      return {0, infinity};
    case Kind::sine:
    case Kind::cosine:
      return {-1, 1};
    case Kind::elu:
      return {std::min(0.0f, -unary.alpha), infinity};
    case Kind::power:
      return {has_whole_exponent(unary) ? -infinity : 0, infinity};
    default:
      return {};
  }
}

RealRange range_of(const Grid& rounding, size_t c) {
  const double scale = rounding.scale_of(c);
  const int32_t zero = rounding.zero_point_of(c);
  return {static_cast<float>(-zero * scale), static_cast<float>((rounding.highest - zero) * scale)};
}

RealRange range_of(const Grid& rounding) {
  RealRange all = range_of(rounding, 0);
  for (size_t c = 1; c < rounding.scale.size(); ++c) {
    const RealRange here = range_of(rounding, c);
    all = {std::min(all.lo, here.lo), std::max(all.hi, here.hi)};
  }
  return all;
}

bool is_copy(const FormedStep& step) {
  const auto all = [](const std::vector<double>& values, double wanted) {
    return std::all_of(values.begin(), values.end(), [=](double v) { return v == wanted; });
  };
  const auto* rescale = step.as<form::Rescale>();
  return rescale != nullptr && !step.activation && std::isinf(step.lo) && std::isinf(step.hi) &&
         all(rescale->factor, 1.0) && all(rescale->offset, 0.0);
}

std::vector<double> by_channel(const Tensor& constant, int64_t channels) {
  const auto& values = *constant.values;
  const auto count = static_cast<int64_t>(values.size());
  const bool last_axis_only = count == 1 || (count == channels && !constant.shape.empty() &&
                                             constant.shape.back() == channels);
  if (!last_axis_only) return {};
  std::vector<double> out(static_cast<size_t>(channels));
  for (size_t c = 0; c < out.size(); ++c) out[c] = values[count == 1 ? 0 : c];
  return out;
}

}  // namespace octavo
