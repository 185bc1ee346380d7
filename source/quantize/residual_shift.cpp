#include "quantize/residual_shift.h"

#include <cmath>
#include <limits>

namespace octavo {

ResidualShift residual_shift(double rest, double multiplier, double residual_multiplier,
                             int32_t most) {
  constexpr double rounding = 0x1p-23;  // what floats leave of what is put on and taken off again
  ResidualShift best;
  double lowest = std::numeric_limits<double>::infinity();
  for (int32_t residual = -most; residual <= most; ++residual) {
    const double moved = residual * residual_multiplier;
    const double units = rest - moved / multiplier;
    if (!(std::fabs(units) < 0x1p24)) continue;  // a float holds it
    const double whole = std::rint(units);
    const double error = std::fabs((whole - units) * multiplier) + rounding * std::fabs(moved);
    if (error < lowest) {
      lowest = error;
      best = {residual, static_cast<int64_t>(whole)};
    }
  }
  return best;
}

}  // namespace octavo
