#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/fixed.h"
#include "base/text.h"
#include "page/html.h"
#include "page/plot.h"
#include "zoo/page.h"

namespace octavo::zoo {

namespace {

using namespace octavo::page;

constexpr PlotFrame frame;
constexpr double left = frame.left, right = frame.right, top = frame.top, bottom = frame.bottom;

struct Point {
  double x = 0, y = 0;
  std::optional<std::array<double, 2>> interval;
  size_t line = 0;
  double across = 0, down = 0;  // where it is drawn
};

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
  out.svg = concat("<svg viewBox=\"0 0 ", frame.width, " ", frame.height, "\" role=\"group\" aria-label=\"",
                   html_escaped(out.title), "\">\n",
                   axes(frame, x, y, "milliseconds a frame, one thread (logarithmic)",
                        accuracy ? "Top-1, %" : "billions of multiply-accumulates (logarithmic)"),
                   legend(sheet, accuracy), family_lines(families));
  for (const Point& p : points)
    out.svg += mark(sheet, p, y, accuracy ? "%" : "billion multiply-accumulates");
  out.svg += family_labels(families, points) + "</svg>\n";
  return out;
}

}  // namespace octavo::zoo
