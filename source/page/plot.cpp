#include "page/plot.h"

#include <algorithm>

#include "base/fixed.h"
#include "base/text.h"
#include "page/html.h"

namespace octavo::page {

namespace {

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return concat(value);
  return fixed(value, size >= 1 || size == 0 ? (value == std::floor(value) ? 0 : 1)
                                             : static_cast<int>(std::ceil(-std::log10(size))));
}

}  // namespace

std::string coordinate(double value) {
  return fixed(value, 1);
}

Scale scale_of(double low, double high, bool logarithmic, double from, double to) {
  if (logarithmic) return {low / 1.2, high * 1.2, true, from, to};
  const double space = std::max(0.06 * (high - low), 0.5);
  return {low - space, high + space, false, from, to};
}

std::vector<double> ticks(const Scale& scale) {
  std::vector<double> out;
  if (scale.logarithmic) {
    const double first = std::floor(std::log10(scale.low)), last = std::log10(scale.high);
    const double decades = std::max(1.0, std::ceil((last - first) / 8));
    for (double power = first; power <= last; power += decades) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        if (digit > 1 && last - first > 4) break;
        const double value = digit * std::pow(10, power);
        if (value >= scale.low && value <= scale.high) out.push_back(value);
      }
    }
    return out;
  }
  const double rough = (scale.high - scale.low) / 7;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double digit : {5.0, 2.0, 1.0})
    if (digit * power >= rough) step = digit * power;
  for (double value = std::ceil(scale.low / step); value * step <= scale.high; ++value)
    out.push_back(value * step);
  return out;
}

std::string text_at(double x, double y, std::string_view kind, std::string_view words) {
  return concat("<text class=\"", kind, "\" x=\"", coordinate(x), "\" y=\"", coordinate(y), "\">",
                html_escaped(words), "</text>\n");
}

std::string line_from(double x1, double y1, double x2, double y2, std::string_view kind) {
  return concat("<line class=\"", kind, "\" x1=\"", coordinate(x1), "\" y1=\"", coordinate(y1),
                "\" x2=\"", coordinate(x2), "\" y2=\"", coordinate(y2), "\"/>\n");
}

std::string axes(const PlotFrame& frame, const Scale& x, const Scale& y, std::string_view x_title,
                 std::string_view y_title) {
  const auto& [width, height, left, right, top, bottom] = frame;
  std::string out;
  for (const double tick : ticks(x)) {
    out += line_from(x.at(tick), top, x.at(tick), bottom, "grid");
    out += text_at(x.at(tick), bottom + 18, "tick middle", tick_text(tick));
  }
  for (const double tick : ticks(y)) {
    out += line_from(left, y.at(tick), right, y.at(tick), "grid");
    out += text_at(left - 8, y.at(tick) + 4, "tick end", tick_text(tick));
  }
  return out + text_at((left + right) / 2, height - 10, "axis middle", x_title) +
         text_at(0, 16, "axis", y_title);
}

}  // namespace octavo::page
