// The parts of an SVG plot: scales, ticks, axes.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace octavo::page {

// The whole picture, and the rectangle inside it that data is drawn in; pixels, y downwards.
struct PlotFrame {
  double width = 960, height = 540;
  double left = 64, right = 936, top = 40, bottom = 488;
};

// A range of values on a stretch of the picture.
struct Scale {
  double low = 0, high = 0;
  bool logarithmic = false;
  double from = 0, to = 0;

  double at(double value) const {
    const auto on = [this](double v) { return logarithmic ? std::log10(v) : v; };
    return from + (to - from) * (on(value) - on(low)) / (on(high) - on(low));
  }
};
// With some space around the values.
Scale scale_of(double low, double high, bool logarithmic, double from, double to);
std::vector<double> ticks(const Scale& scale);

std::string coordinate(double value);
// kind: the element's classes.
std::string text_at(double x, double y, std::string_view kind, std::string_view words);
std::string line_from(double x1, double y1, double x2, double y2, std::string_view kind);
std::string axes(const PlotFrame& frame, const Scale& x, const Scale& y, std::string_view x_title,
                 std::string_view y_title);

}  // namespace octavo::page
