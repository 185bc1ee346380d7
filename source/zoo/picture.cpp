#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/text.h"
#include "zoo/page.h"

namespace octavo::zoo {

namespace {

constexpr double width = 960, height = 540;
constexpr double left = 64, right = width - 24, top = 40, bottom = height - 52;

std::string coordinate(double value) {
  return fixed(value, 1);
}

struct Point {
  double x = 0, y = 0;
  std::optional<std::array<double, 2>> interval;
  size_t line = 0;
  double across = 0, down = 0;  // where it is drawn
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

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return concat(value);
  return fixed(value, size >= 1 || size == 0 ? (value == std::floor(value) ? 0 : 1)
                                             : static_cast<int>(std::ceil(-std::log10(size))));
}

std::string text_at(double x, double y, const char* kind, std::string_view words) {
  return concat("<text class=\"", kind, "\" x=\"", coordinate(x), "\" y=\"", coordinate(y), "\">",
                html_escaped(words), "</text>\n");
}

std::string line_from(double x1, double y1, double x2, double y2, const char* kind) {
  return concat("<line class=\"", kind, "\" x1=\"", coordinate(x1), "\" y1=\"", coordinate(y1),
                "\" x2=\"", coordinate(x2), "\" y2=\"", coordinate(y2), "\"/>\n");
}

std::string axes(const Scale& x, const Scale& y, std::string_view x_title,
                 std::string_view y_title) {
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

bool transformer(const Line& line) {
  return line.model && line.model->architecture == "Transformer";
}

// Told apart by shape as well as by colour.
std::string shape(bool diamond, double x, double y) {
  if (!diamond)
    return concat("<circle cx=\"", coordinate(x), "\" cy=\"", coordinate(y), "\" r=\"4.5\"/>");
  const double r = 6;
  return concat("<path d=\"M", coordinate(x), " ", coordinate(y - r), "L", coordinate(x + r), " ",
                coordinate(y), "L", coordinate(x), " ", coordinate(y + r), "L", coordinate(x - r),
                " ", coordinate(y), "Z\"/>");
}

std::string kind_of(const Line& line) {
  return concat(transformer(line) ? "transformer" : "cnn", line.host == "A" ? "" : " elsewhere");
}

std::string legend(const Sheet& sheet, bool intervals) {
  std::string out;
  double x = right;
  const auto entry = [&](const std::string& mark, const char* words, double size) {
    x -= size;
    out += concat("<g transform=\"translate(", coordinate(x), " 12)\">", mark,
                  text_at(12, 4, "tick", words), "</g>\n");
  };
  if (intervals)
    entry("<line class=\"whisker\" x1=\"0\" y1=\"-7\" x2=\"0\" y2=\"7\"/>", "95 % interval", 100);
  if (sheet.hosts.size() > 1)
    entry("<g class=\"cnn elsewhere\">" + shape(false, 0, 0) + "</g>", "another host", 104);
  entry("<g class=\"transformer\">" + shape(true, 0, 0) + "</g>", "Transformer", 100);
  entry("<g class=\"cnn\">" + shape(false, 0, 0) + "</g>", "CNN", 56);
  return out;
}

struct Box {
  double x1, y1, x2, y2;
  bool meets(const Box& other) const {
    return x1 < other.x2 && other.x1 < x2 && y1 < other.y2 && other.y1 < y2;
  }
};

using Families = std::map<std::string, std::vector<const Point*>>;

Families families_of(const Sheet& sheet, const std::vector<Point>& points) {
  Families out;
  for (const Point& point : points) {
    const Line& line = sheet.lines[point.line];
    out[line.model ? line.model->family : line.row->name].push_back(&point);
  }
  for (auto& [name, members] : out) {
    std::stable_sort(members.begin(), members.end(),
                     [](const Point* a, const Point* b) { return a->across < b->across; });
  }
  return out;
}

// The first free place beside one of the family's marks; where none is free the mark's own
// tooltip must do.
std::string family_labels(const Families& families, const std::vector<Point>& points) {
  std::vector<Box> taken;
  for (const Point& p : points)
    taken.push_back({p.across - 6, p.down - 6, p.across + 6, p.down + 6});
  std::string out;
  for (const auto& [name, members] : families) {
    const double size = 6.6 * static_cast<double>(std::min<size_t>(name.size(), 40));
    for (size_t i = 0; i < members.size() * 4; ++i) {
      const Point& p = *members[members.size() - 1 - i / 4];
      const double x = i % 4 == 0   ? p.across + 9
                       : i % 4 == 1 ? p.across - 9 - size
                                    : p.across - size / 2;
      const double y = i % 4 < 2 ? p.down + 4 : i % 4 == 2 ? p.down - 10 : p.down + 18;
      const Box box{x, y - 10, x + size, y + 3};
      const bool outside = x < left || x + size > right || box.y1 < top || box.y2 > bottom;
      if (outside || std::any_of(taken.begin(), taken.end(),
                                 [&](const Box& other) { return box.meets(other); }))
        continue;
      out += text_at(x, y, "family", name.substr(0, 40));
      taken.push_back(box);
      break;
    }
  }
  return out;
}

std::string family_lines(const Families& families) {
  std::string out;
  for (const auto& [name, members] : families) {
    if (members.size() < 2) continue;
    out += "<polyline class=\"kin\" points=\"";
    for (const Point* p : members)
      out += concat(coordinate(p->across), ",", coordinate(p->down), " ");
    out += "\"/>\n";
  }
  return out;
}

std::string mark(const Sheet& sheet, const Point& point, const Scale& y, std::string_view y_unit) {
  const Line& line = sheet.lines[point.line];
  std::string told =
      concat(line.row->name, sheet.hosts.size() > 1 ? concat(" (host ", line.host, ")") : "", ": ",
             fixed(point.y, 2), " ", y_unit);
  if (point.interval) told += concat(" (", text_of(*point.interval, 2), ")");
  told += concat(", ", fixed(point.x, 2), " ms");
  std::string out = concat("<a class=\"mark ", kind_of(line), "\" href=\"#line-", point.line,
                           "\" data-line=\"", point.line, "\" aria-label=\"", html_escaped(told),
                           "\"><title>", html_escaped(told), "</title>");
  if (point.interval)
    out += line_from(point.across, y.at((*point.interval)[0]), point.across,
                     y.at((*point.interval)[1]), "whisker");
  return out + shape(transformer(line), point.across, point.down) + "</a>\n";
}

// What an axis can bear: beyond, no figure was ever measured, and ticks would have no end.
bool on_axis(double value) {
  return value >= 1e-9 && value <= 1e12;
}
bool on_axis(const std::array<double, 2>& percent) {
  return percent[0] >= 0 && percent[1] <= 100;
}

// The data set that most lines were evaluated on: Top-1 of another is another scale.
std::string commonest_data(const Sheet& sheet) {
  std::map<std::string, size_t> lines;
  for (const Line& line : sheet.lines)
    if (line.row->accuracy) ++lines[line.row->accuracy->data];
  const auto most = std::max_element(
      lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == lines.end() ? "" : most->first;
}

// A line without one of the two has no point.
std::vector<Point> points_of(const Sheet& sheet, bool accuracy) {
  std::vector<Point> points;
  const std::string data = commonest_data(sheet);
  for (size_t i = 0; i < sheet.lines.size(); ++i) {
    const Row& row = *sheet.lines[i].row;
    if (!row.one_thread || !on_axis(row.one_thread->ms)) continue;
    const double ms = row.one_thread->ms, gmacs = static_cast<double>(row.macs.value_or(0)) / 1e9;
    if (accuracy && row.accuracy && row.accuracy->data == data) {
      const RowAccuracy& a = *row.accuracy;
      if (on_axis({a.quantized_top1, a.quantized_top1}) && on_axis(a.quantized_ci95))
        points.push_back({ms, a.quantized_top1, a.quantized_ci95, i});
    } else if (!accuracy && on_axis(gmacs)) {
      points.push_back({ms, gmacs, {}, i});
    }
  }
  return points;
}

}  // namespace

Picture picture(const Sheet& sheet) {
  std::vector<Point> points = points_of(sheet, true);
  const bool accuracy = !points.empty();
  if (!accuracy) points = points_of(sheet, false);
  if (points.empty()) return {};
  double x_low = points[0].x, x_high = x_low, y_low = points[0].y, y_high = y_low;
  for (const Point& p : points) {
    x_low = std::min(x_low, p.x);
    x_high = std::max(x_high, p.x);
    y_low = std::min({y_low, p.y, p.interval ? (*p.interval)[0] : p.y});
    y_high = std::max({y_high, p.y, p.interval ? (*p.interval)[1] : p.y});
  }
  const Scale x = scale_of(x_low, x_high, true, left, right);
  const Scale y = scale_of(y_low, y_high, !accuracy, bottom, top);
  for (Point& p : points) {
    p.across = x.at(p.x);
    p.down = y.at(p.y);
  }
  Picture out;
  out.title = accuracy ? concat("Quantized Top-1 over latency, pictures of ", commonest_data(sheet))
                       : "Multiply-accumulates over latency (no Top-1 was measured)";
  const Families families = families_of(sheet, points);
  out.svg = concat("<svg viewBox=\"0 0 ", width, " ", height, "\" role=\"group\" aria-label=\"",
                   html_escaped(out.title), "\">\n",
                   axes(x, y, "milliseconds a frame, one thread (logarithmic)",
                        accuracy ? "Top-1, %" : "billions of multiply-accumulates (logarithmic)"),
                   legend(sheet, accuracy), family_lines(families));
  for (const Point& p : points)
    out.svg += mark(sheet, p, y, accuracy ? "%" : "billion multiply-accumulates");
  out.svg += family_labels(families, points) + "</svg>\n";
  return out;
}

}  // namespace octavo::zoo
