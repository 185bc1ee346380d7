#include <cstdlib>

#include "plan/verify_parts.h"

namespace octavo::plan_check {

Status verify_multipliers(const StepPlace& at, std::string_view what,
                          const std::vector<float>& values) {
  const int32_t count = channels(at.output());
  if (!fits_channels(values, count)) {
    return at.error(what, " has ", values.size(), " entries; the output has ", count,
                    " channels, and one entry or one a channel is expected");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_multiplier(values[i])) {
      return at.error(what, "[", i, "] is ", values[i],
                      "; its magnitude must be from 2^-100 to 2^40");
    }
  }
  return {};
}

namespace {

Status verify_table(const StepPlace& at, const std::vector<int16_t>& table) {
  constexpr size_t knots = 65;
  if (table.size() != knots) {
    return at.error("its table has ", table.size(), " knots; ", knots, " are expected");
  }
  for (size_t i = 1; i < knots; ++i) {
    if (std::abs(table[i] - table[i - 1]) > INT16_MAX) {
      return at.error("knots ", i - 1, " and ", i, " of its table, ", table[i - 1], " and ",
                      table[i], ", differ by more than ", INT16_MAX);
    }
  }
  return {};
}

Status verify_activation(const StepPlace& at, const Epilogue& epilogue) {
  const float alpha = epilogue.alpha, beta = epilogue.beta;
  if (!std::isfinite(alpha) || !std::isfinite(beta)) {
    return at.error("alpha ", alpha, " and beta ", beta, " of its activation must be finite");
  }
  const bool has_table = epilogue.activation == Activation::table;
  if (!has_table && !epilogue.table.empty()) {
    return at.error("it has a table and no activation that reads it");
  }
  if (epilogue.activation == Activation::none) {
    if (epilogue.output_multiplier.empty()) return {};
    return at.error("it has an output multiplier and no activation");
  }
  switch (epilogue.activation) {
    case Activation::none:
      break;
    case Activation::clip:
      // One side may be as good as infinite; the reached one may not.
      if (alpha > beta || alpha > plan_limit::largest_addend ||
          beta < -plan_limit::largest_addend) {
        return at.error("it clips to [", alpha, ", ", beta,
                        "]; bounds in order and within 2^80 of zero are expected");
      }
      break;
    case Activation::hard_swish:
    case Activation::hard_sigmoid:
      if (!is_multiplier(alpha) || !is_addend(beta)) {
        return at.error("its activation has slope ", alpha, " and offset ", beta,
                        "; a slope from 2^-100 to 2^40 and an offset up to 2^80 are expected");
      }
      break;
    case Activation::table:
      if (const Status table = verify_table(at, epilogue.table); !table) return table;
      break;
    default:
      return at.error("activation ", static_cast<int>(epilogue.activation), " is unknown");
  }
  return verify_multipliers(at, "output multiplier", epilogue.output_multiplier);
}

Status verify_residual(const StepPlace& at, const Epilogue& epilogue, const PlanTensor* residual) {
  if (epilogue.has_residual != (residual != nullptr)) {
    return at.error("a step of this type takes no residual");
  }
  if (residual == nullptr) {
    if (epilogue.residual_multiplier.empty()) return {};
    return at.error("it has a residual multiplier and no residual");
  }
  const std::array<int32_t, 4> one_pixel{1, 1, 1, channels(at.output())};
  if (residual->shape != at.output().shape && residual->shape != one_pixel) {
    return at.error("its residual has shape ", list_text(residual->shape), "; the output has ",
                    list_text(at.output().shape));
  }
  return verify_multipliers(at, "residual multiplier", epilogue.residual_multiplier);
}

Status verify_clamp(const StepPlace& at, const Epilogue& epilogue) {
  const PlanTensor& output = at.output();
  const int32_t count = channels(output);
  if (!fits_channels(epilogue.lo, count) || !fits_channels(epilogue.hi, count)) {
    return at.error("lo has ", epilogue.lo.size(), " entries and hi ", epilogue.hi.size(),
                    "; the output has ", count,
                    " channels, and one entry or one a channel is expected");
  }
  if (output.type == ElementType::f32) return {};  // neither clamped nor rounded
  const auto [smallest, largest] = levels_of(output.type);
  const bool by_channel = epilogue.lo.size() > 1 || epilogue.hi.size() > 1;
  for (int32_t c = 0; c < (by_channel ? count : 1); ++c) {
    const int32_t lo = of_channel(epilogue.lo, c), hi = of_channel(epilogue.hi, c);
    if (lo < smallest || hi > largest || lo > hi) {
      return at.error("channel ", c, " is clamped to [", lo, ", ", hi,
                      "], which is no range within the output's [", smallest, ", ", largest, "]");
    }
  }
  return {};
}

}  // namespace

Status verify_epilogue(const StepPlace& at, const Epilogue& epilogue, const PlanTensor* residual) {
  if (const Status ok = verify_multipliers(at, "multiplier", epilogue.multiplier); !ok) return ok;
  if (const Status ok = verify_activation(at, epilogue); !ok) return ok;
  if (const Status ok = verify_residual(at, epilogue, residual); !ok) return ok;
  return verify_clamp(at, epilogue);
}

}  // namespace octavo::plan_check
