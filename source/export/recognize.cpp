#include "export/recognize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "graph/resize_taps.h"
#include "quantize/table.h"

namespace octavo {

namespace {

using Kind = Unary::Kind;

constexpr size_t knot_count = 65;
using Knots = std::array<double, knot_count>;

struct Ends {
  double lo = -1, hi = 1;
  bool are_sane() const { return std::isfinite(lo) && std::isfinite(hi) && hi - lo > 1e-9; }
};

Knots sampled(const Unary& unary, const Ends& ends) {
  Knots out;
  for (size_t i = 0; i < knot_count; ++i) {
    out[i] = activation_value(
        unary, ends.lo + (ends.hi - ends.lo) * static_cast<double>(i) / (knot_count - 1));
  }
  return out;
}

// Not finite, and so as far from everything as can be, where the function is not on all of its
// span: a search for ends also leads beyond where a logarithm lives.
Knots made(const Unary& unary, const Ends& ends) {
  const Knots exact = sampled(unary, ends);
  const auto is_finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(exact.begin(), exact.end(), is_finite)) return exact;
  const ActivationTable table = make_table_between(unary, ends.lo, ends.hi);
  Knots out;
  for (size_t i = 0; i < knot_count; ++i) out[i] = table.knots[i] * 1024.0 * table.result_unit;
  return out;
}

double squared_distance(const Knots& a, const Knots& b) {
  double sum = 0;
  for (size_t i = 0; i < knot_count; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::isfinite(sum) ? sum : INFINITY;
}

double largest_distance(const Knots& a, const Knots& b) {
  double largest = 0;
  for (size_t i = 0; i < knot_count; ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  return std::isfinite(largest) ? largest : INFINITY;
}

// Ends that the tables of a kind may have, coarsely: a logarithm, a root and a reciprocal live
// right of zero.
std::vector<Ends> starts(Kind kind, const Knots& real) {
  std::vector<Ends> out;
  if (kind == Kind::log || kind == Kind::sqrt || kind == Kind::reciprocal) {
    for (double hi = 1e-4; hi < 1e5; hi *= 2) {
      for (const double part : {0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3}) {
        if (part > 0 || kind == Kind::sqrt) out.push_back({hi * part, hi});
      }
    }
    return out;
  }
  std::vector<double> his{0.05, 0.2, 0.5, 1, 1.5, 2.2, 3.2, 4.5, 6, 8.5, 12};
  if (real.back() > 0.05) his.push_back(real.back());  // SiLU and its kin follow their argument
  for (const double lo :
       {-0.05, -0.2, -0.5, -1.0, -1.5, -2.2, -3.2, -4.0, -5.0, -6.0, -8.5, -12.0}) {
    for (const double hi : his) out.push_back({lo, hi});
  }
  if (kind == Kind::exp && real.front() > 0) {
    out.push_back({std::log(real.front()), std::log(real.back())});
  }
  return out;
}

// One step of Levenberg and Marquardt on the two ends.
Ends stepped(const Unary& unary, const Ends& ends, const Knots& real, double damping) {
  const double h = 1e-4 * (ends.hi - ends.lo);
  const Knots here = made(unary, ends), left = sampled(unary, ends),
              left_moved = sampled(unary, {ends.lo + h, ends.hi}),
              right_moved = sampled(unary, {ends.lo, ends.hi + h});
  double aa = 0, ab = 0, bb = 0, ar = 0, br = 0;
  for (size_t i = 0; i < knot_count; ++i) {
    const double a = (left_moved[i] - left[i]) / h, b = (right_moved[i] - left[i]) / h;
    const double r = real[i] - here[i];
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ar += a * r;
    br += b * r;
  }
  aa *= 1 + damping;
  bb *= 1 + damping;
  const double determinant = aa * bb - ab * ab;
  if (!(std::fabs(determinant) > 1e-300)) return ends;
  return {ends.lo + (ar * bb - br * ab) / determinant, ends.hi + (br * aa - ar * ab) / determinant};
}

// The ends whose table is nearest to the knots.
Ends fitted(const Unary& unary, const Knots& real) {
  Ends best;
  double least = INFINITY;
  for (const Ends& start : starts(unary.kind, real)) {
    const double distance = squared_distance(sampled(unary, start), real);
    if (distance < least) {
      least = distance;
      best = start;
    }
  }
  // What no start comes near is another function: no time is spent on it.
  const auto [lowest, highest] = std::minmax_element(real.begin(), real.end());
  const double quarter = (*highest - *lowest) / 4;
  if (!(least < knot_count * quarter * quarter)) return best;
  least = squared_distance(made(unary, best), real);
  double damping = 1e-3;
  for (int i = 0; i < 40 && damping < 1e8; ++i) {
    const Ends tried = stepped(unary, best, real, damping);
    const double distance =
        tried.are_sane() ? squared_distance(made(unary, tried), real) : INFINITY;
    if (distance < least) {
      const bool arrived = least - distance < 1e-6 * least;
      least = distance;
      best = tried;
      damping = std::max(damping / 10, 1e-9);
      if (arrived) break;
    } else {
      damping *= 10;
    }
  }
  return best;
}

// Functions with a corner are sampled, centred, and have a slope that the ends tell.
std::optional<std::pair<Unary, Ends>> with_corner(Kind kind, const Knots& real) {
  const double right = real.back(), left = real.front();
  const double reach = std::fabs(right);
  if (!(reach > 0)) return std::nullopt;
  Unary unary{kind};
  if (kind == Kind::leaky_relu) unary.alpha = static_cast<float>(-left / reach);
  if (kind == Kind::elu) unary.alpha = static_cast<float>(left / std::expm1(-reach));
  return std::pair{unary, Ends{-reach, reach}};
}

constexpr Kind cornered_kinds[] = {Kind::leaky_relu, Kind::elu, Kind::absolute, Kind::negate};
constexpr Kind smooth_kinds[] = {Kind::silu, Kind::gelu,      Kind::sigmoid,    Kind::tanh,
                                 Kind::mish, Kind::gelu_tanh, Kind::softplus,   Kind::erf,
                                 Kind::exp,  Kind::sqrt,      Kind::reciprocal, Kind::log,
                                 Kind::sine, Kind::cosine};

}  // namespace

std::optional<RecognizedFunction> recognize_function(std::span<const int16_t> knots,
                                                     double result_unit) {
  if (knots.size() != knot_count || !(result_unit > 0) || !std::isfinite(result_unit)) return {};
  Knots real;
  for (size_t i = 0; i < knot_count; ++i) real[i] = knots[i] * 1024.0 * result_unit;
  // A knot is rounded once; fitted ends and a unit that came through float add as much again.
  const double same = 1024 * result_unit, alike = 2 * same;
  std::optional<RecognizedFunction> best;
  double least = alike;
  const auto consider = [&](const Unary& unary, const Ends& ends) {
    const double distance = largest_distance(made(unary, ends), real);
    if (!(distance <= least)) return;
    least = distance;
    best = {unary, (ends.lo + ends.hi) / 2, (ends.hi - ends.lo) / 65536};
  };
  for (const Kind kind : cornered_kinds) {
    if (const auto found = with_corner(kind, real)) consider(found->first, found->second);
  }
  for (const Kind kind : smooth_kinds) {
    if (least <= same && best) break;
    const Unary unary{kind};
    const Ends ends = fitted(unary, real);
    if (ends.are_sane()) consider(unary, ends);
  }
  return best;
}

std::optional<double> softmax_scale(const SoftmaxStep& step, double likely_scale) {
  const bool is_long = has_long_exponentials(step);
  const double one = is_long ? 1 << 30 : 1 << 15;
  const auto entries = [&](const std::vector<uint16_t>& table) {
    return is_long ? long_exponentials(table) : std::vector<uint32_t>(table.begin(), table.end());
  };
  const std::vector<uint32_t> coarse = entries(step.coarse), fine = entries(step.fine);
  constexpr double apart = 1;  // half a rounding of an entry, and half of the one it is known by
  const auto gives_tables = [&](double scale) {
    for (size_t i = 0; i < fine.size(); ++i) {
      const auto at = static_cast<double>(i);
      if (std::fabs(coarse[i] - one * std::exp(-256 * at * scale)) > apart ||
          std::fabs(fine[i] - one * std::exp(-at * scale)) > apart) {
        return false;
      }
    }
    return true;
  };
  if (gives_tables(likely_scale)) return likely_scale;
  // The tables' own: from the entry whose rounding leaves it least open, which is one of about 1/e.
  double steps = 0, entry = 0;
  const auto consider = [&](double at, uint32_t value) {
    if (at * value <= steps * entry) return;
    steps = at;
    entry = value;
  };
  for (size_t i = 1; i < fine.size(); ++i) {
    consider(static_cast<double>(i), fine[i]);
    consider(static_cast<double>(256 * i), coarse[i]);
  }
  if (entry == 0) return std::nullopt;
  const double scale = -std::log(entry / one) / steps;
  return scale > 0 && gives_tables(scale) ? std::optional(scale) : std::nullopt;
}

namespace {

bool has_taps(const std::vector<ResizeTaps>& taps, const std::vector<int32_t>& from,
              const std::vector<int32_t>& weight, int64_t size) {
  if (taps.size() != from.size()) return false;
  for (size_t i = 0; i < taps.size(); ++i) {
    const long second = taps[i].count == 2 ? std::lrint(128 * taps[i].weight[1]) : 0;
    // All of the weight on the next one is the next one's own.
    const bool same = taps[i].index[0] == from[i] && second == weight[i];
    const bool at_end = from[i] == size - 1 && taps[i].index[0] == size - 1;
    if (!same && !at_end) return false;
  }
  return true;
}

}  // namespace

std::optional<Resize> recognize_resize(const ResizeStep& step, int64_t rows, int64_t columns) {
  Resize op;
  op.height = static_cast<int64_t>(step.row.size());
  op.width = static_cast<int64_t>(step.column.size());
  op.scale_h = static_cast<float>(op.height) / static_cast<float>(rows);
  op.scale_w = static_cast<float>(op.width) / static_cast<float>(columns);
  using Nearest = Resize::Nearest;
  using Coordinates = Resize::Coordinates;
  for (const auto mode : {Resize::Mode::linear, Resize::Mode::nearest}) {
    for (const auto coordinates : {Coordinates::half_pixel, Coordinates::asymmetric,
                                   Coordinates::align_corners, Coordinates::pytorch_half_pixel}) {
      for (const auto nearest : {Nearest::floor, Nearest::round_prefer_floor,
                                 Nearest::round_prefer_ceil, Nearest::ceil}) {
        op.mode = mode;
        op.coordinates = coordinates;
        op.nearest = nearest;
        if (has_taps(resize_taps(op, rows, op.height, op.scale_h), step.row, step.row_weight,
                     rows) &&
            has_taps(resize_taps(op, columns, op.width, op.scale_w), step.column,
                     step.column_weight, columns)) {
          return op;
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace octavo
