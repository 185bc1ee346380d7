#include "quantize/table.h"

#include <algorithm>
#include <cmath>

namespace octavo {

namespace {

constexpr int segments = 64, segment_units = 1024;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double softplus(double x) {
  return x > 30 ? x : std::log1p(std::exp(x));
}

bool has_corner(Unary::Kind kind) {
  using Kind = Unary::Kind;
  return kind == Kind::leaky_relu || kind == Kind::elu || kind == Kind::absolute ||
         kind == Kind::negate || kind == Kind::relu || kind == Kind::clip;
}

// Where the function has arrived at its left end for any stored result: it differs by less than
// 1e-4 from there on.
double left_end(Unary::Kind kind) {
  using Kind = Unary::Kind;
  switch (kind) {
    case Kind::sigmoid:
    case Kind::silu:
    case Kind::mish:
    case Kind::softplus:
      return -12;
    case Kind::tanh:
      return -6;
    case Kind::gelu:
    case Kind::gelu_tanh:
      return -5;
    case Kind::erf:
      return -4;
    default:
      return -1e6;
  }
}

// Those of them that also end to the right, and at which argument.
double right_end(Unary::Kind kind) {
  const bool odd =
      kind == Unary::Kind::sigmoid || kind == Unary::Kind::tanh || kind == Unary::Kind::erf;
  return odd ? -left_end(kind) : 1e6;
}

bool is_root(const Unary& unary) {
  using Kind = Unary::Kind;
  return unary.kind == Kind::sqrt || (unary.kind == Kind::power && unary.alpha > 0);
}

bool is_steep_at_zero(const Unary& unary) {
  using Kind = Unary::Kind;
  return unary.kind == Kind::log || unary.kind == Kind::sqrt || unary.kind == Kind::reciprocal ||
         (unary.kind == Kind::power && unary.alpha < 1);
}

// The arguments of the first and the last knot.
struct Ends {
  double lo = -1, hi = 1;
  double width() const { return hi - lo; }
};

Ends ends_of(const Unary& unary, const TableSpan& span) {
  const Unary::Kind kind = unary.kind;
  constexpr double margin = 1.1, narrowest = 1e-3;
  if (is_steep_at_zero(unary)) {  // a root may begin there, a logarithm and a reciprocal must not
    constexpr double wide = 1.5, least_part = 1e-5;
    const double hi = std::max(span.hi, 1e-12) * wide;
    const double lo = is_root(unary) ? 0 : hi * least_part;
    return {std::clamp(span.lo / wide, lo, hi / 2), hi};
  }
  Ends out{std::max(std::min(span.lo, 0.0) * margin, left_end(kind)),
           std::min(std::max(span.hi, 0.0) * margin, right_end(kind))};
  if (span.centred || has_corner(kind)) {
    out.hi = std::max(out.hi, -out.lo);
    out.lo = -out.hi;
  }
  out.hi = std::max(out.hi, narrowest);
  out.lo = std::min(out.lo, -narrowest);
  return out;
}

// Knots of the piecewise linear function nearest to `unary` in the mean square between the
// ends: hat functions, a tridiagonal system solved by Thomas's algorithm.
std::array<double, 65> fit(const Unary& unary, const Ends& ends) {
  constexpr int samples = 32;  // a segment
  std::array<double, 65> diagonal{}, beside{}, right{};
  const double width = ends.width() / segments;
  for (int i = 0; i < segments; ++i) {
    for (int k = 0; k < samples; ++k) {
      const double t = (k + 0.5) / samples;
      const double y = activation_value(unary, ends.lo + (i + t) * width);
      const auto left = static_cast<size_t>(i);
      diagonal[left] += (1 - t) * (1 - t);
      diagonal[left + 1] += t * t;
      beside[left] += t * (1 - t);
      right[left] += (1 - t) * y;
      right[left + 1] += t * y;
    }
  }
  for (size_t i = 1; i <= segments; ++i) {
    const double factor = beside[i - 1] / diagonal[i - 1];
    diagonal[i] -= factor * beside[i - 1];
    right[i] -= factor * right[i - 1];
  }
  std::array<double, 65> knots{};
  knots[segments] = right[segments] / diagonal[segments];
  for (size_t i = segments; i-- > 0;)
    knots[i] = (right[i] - beside[i] * knots[i + 1]) / diagonal[i];
  return knots;
}

std::array<double, 65> sample(const Unary& unary, double range) {
  std::array<double, 65> knots{};
  for (int i = 0; i <= segments; ++i) {
    knots[static_cast<size_t>(i)] =
        activation_value(unary, range * (i - segments / 2) / (segments / 2));
  }
  return knots;
}

}  // namespace

double activation_value(const Unary& unary, double x) {
  using Kind = Unary::Kind;
  switch (unary.kind) {
    case Kind::relu:
      return std::max(x, 0.0);
    case Kind::clip:
      return std::clamp<double>(x, unary.alpha, std::max(unary.alpha, unary.beta));
    case Kind::leaky_relu:
      return x < 0 ? unary.alpha * x : x;
    case Kind::elu:
      return x < 0 ? unary.alpha * std::expm1(x) : x;
    case Kind::sigmoid:
      return sigmoid(x);
    case Kind::hard_sigmoid:
      return std::clamp(unary.alpha * x + unary.beta, 0.0, 1.0);
    case Kind::hard_swish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case Kind::silu:
      return x * sigmoid(x);
    case Kind::gelu:
      return 0.5 * x * (1 + std::erf(x * 0.70710678118654752));
    case Kind::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case Kind::tanh:
      return std::tanh(x);
    case Kind::erf:
      return std::erf(x);
    case Kind::softplus:
      return softplus(x);
    case Kind::mish:
      return x * std::tanh(softplus(x));
    case Kind::absolute:
      return std::fabs(x);
    case Kind::negate:
      return -x;
    case Kind::exp:
      return std::exp(x);
    case Kind::log:
      return std::log(x);
    case Kind::sqrt:
      return std::sqrt(x);
    case Kind::reciprocal:
      return 1 / x;
    case Kind::power:  // of negative numbers only whole ones are defined
      return std::pow(has_whole_exponent(unary) ? x : std::max(x, 0.0), unary.alpha);
    case Kind::sine:
      return std::sin(x);
    case Kind::cosine:
      return std::cos(x);
  }
  return x;
}

bool is_written_out(const Unary& unary) {
  using Kind = Unary::Kind;
  return unary.kind == Kind::relu || unary.kind == Kind::clip || unary.kind == Kind::hard_swish ||
         unary.kind == Kind::hard_sigmoid;
}

ActivationTable make_table(const Unary& unary, TableSpan span) {
  const Ends ends = ends_of(unary, span);
  return make_table_between(unary, ends.lo, ends.hi);
}

ActivationTable make_table_between(const Unary& unary, double lo, double hi) {
  const Ends ends{lo, hi};
  const auto knots = has_corner(unary.kind) ? sample(unary, ends.hi) : fit(unary, ends);
  double largest = 1e-30, steepest = 0;
  for (size_t i = 0; i < knots.size(); ++i) {
    largest = std::max(largest, std::fabs(knots[i]));
    if (i > 0) steepest = std::max(steepest, std::fabs(knots[i] - knots[i - 1]));
  }
  // Two less than the type holds, so that rounding two neighbours cannot exceed the difference.
  const double unit = std::max(largest / 32767, steepest / 32765);
  ActivationTable table;
  for (size_t i = 0; i < knots.size(); ++i) {
    table.knots[i] = static_cast<int16_t>(std::rint(knots[i] / unit));
  }
  table.centre = (ends.lo + ends.hi) / 2;
  table.argument_unit = ends.width() / (segments * segment_units);
  table.result_unit = unit / segment_units;
  table.argument_factor = static_cast<float>(1 / table.argument_unit);
  return table;
}

float ActivationTable::operator()(float argument) const {
  const float units = (argument - static_cast<float>(centre)) * argument_factor;
  const int u = static_cast<int>(std::rint(std::min(std::max(units, -32768.0f), 32767.0f))) + 32768;
  const auto i = static_cast<size_t>(u >> 10);
  const int value = knots[i] * 1024 + (knots[i + 1] - knots[i]) * (u & 1023);
  return static_cast<float>(value) * static_cast<float>(result_unit);
}

}  // namespace octavo
