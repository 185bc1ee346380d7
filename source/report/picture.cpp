#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/fixed.h"
#include "base/text.h"
#include "page/html.h"
#include "page/plot.h"
#include "report/report.h"

namespace octavo::report {

namespace {

using page::axes;
using page::coordinate;
using page::html_escaped;
using page::line_from;
using page::PlotFrame;
using page::Scale;
using page::scale_of;
using page::text_at;

struct Point {
  double x = 0, y = 0;
};

std::string polyline(const std::vector<Point>& points, const Scale& x, const Scale& y,
                     std::string_view kind) {
  std::string out = concat("<polyline class=\"", kind, "\" points=\"");
  for (const Point& p : points) out += concat(coordinate(x.at(p.x)), ",", coordinate(y.at(p.y)), " ");
  return out + "\"/>\n";
}

std::string opened(const PlotFrame& frame, std::string_view title) {
  return concat("<svg viewBox=\"0 0 ", frame.width, " ", frame.height,
                "\" role=\"group\" aria-label=\"", html_escaped(title), "\">\n");
}

// A mark that can be reached by the keyboard, with a tip.
std::string mark(double x, double y, const std::string& told, std::string_view kind) {
  return concat("<a class=\"mark ", kind, "\" tabindex=\"0\" aria-label=\"", html_escaped(told),
                "\"><title>", html_escaped(told), "</title><circle cx=\"", coordinate(x),
                "\" cy=\"", coordinate(y), "\" r=\"4.5\"/></a>\n");
}

struct Tried {
  double macs_share = 0, agreement = 0, int16 = 0;
};

// What the options say of a search; anything else gives nothing.
std::vector<Tried> frontier_of(const std::string& options) {
  const auto json = nlohmann::json::parse(options, nullptr, false);
  if (!json.is_object() || !json.contains("search")) return {};
  const auto& search = json["search"];
  if (!search.is_object() || !search.contains("frontier")) return {};
  const auto& frontier = search["frontier"];
  if (!frontier.is_array()) return {};
  std::vector<Tried> out;
  for (const auto& point : frontier) {
    const auto number = [&](const char* name) {
      return point.is_object() && point.contains(name) && point[name].is_number()
                 ? point[name].get<double>()
                 : -1.0;
    };
    const Tried tried{number("macs_share"), number("agreement"), number("int16")};
    const bool possible = tried.macs_share >= 0 && tried.macs_share <= 1 && tried.agreement >= 0 &&
                          tried.agreement <= 100 && tried.int16 >= 0 && tried.int16 <= 1e9;
    if (possible) out.push_back(tried);
  }
  return out;
}

constexpr double highest_db = 120;  // of a plot: beyond, two outputs are as good as equal

}  // namespace

std::string frontier_picture(const Plan& plan) {
  const std::vector<Tried> tried = frontier_of(plan.provenance.options);
  if (tried.size() < 2) return "";
  double low = 100, high = 0;
  for (const Tried& t : tried) {
    low = std::min(low, t.agreement);
    high = std::max(high, t.agreement);
  }
  const PlotFrame frame{960, 360, 64, 936, 40, 308};
  const Scale x = scale_of(0, 100, false, frame.left, frame.right);
  const Scale y = scale_of(low, high, false, frame.bottom, frame.top);
  std::string out = opened(frame, "agreement against the share of 16 bits") +
                    axes(frame, x, y, "multiply-accumulates that read 16 bits on top, %",
                         "pictures with the float network's Top-1, %");
  std::vector<Point> points;
  for (const Tried& t : tried) points.push_back({100 * t.macs_share, t.agreement});
  out += polyline(points, x, y, "kin");
  for (size_t i = 0; i < tried.size(); ++i) {
    out += mark(x.at(points[i].x), y.at(points[i].y),
                concat(fixed(tried[i].int16, 0), " tensors of 16 bits: ",
                       fixed(tried[i].agreement, 2), " %"),
                "cnn");
  }
  return out + "</svg>\n";
}

std::string error_picture(const Plan& plan) {
  std::vector<Point> alone, accumulated;
  double low = highest_db, high = 0;
  for (const StepReport& row : plan.report) {
    const auto step = static_cast<double>(row.step);
    for (auto [points, db] : {std::pair{&alone, double{row.sqnr_alone_db}},
                              std::pair{&accumulated, double{row.sqnr_db}}}) {
      const double shown = std::clamp(db, -20.0, highest_db);
      points->push_back({step, shown});
      low = std::min(low, shown);
      high = std::max(high, shown);
    }
  }
  if (alone.size() < 2) return "";
  const PlotFrame frame{960, 360, 64, 936, 40, 308};
  const Scale x = scale_of(0, static_cast<double>(plan.steps.size() - 1), false, frame.left,
                           frame.right);
  const Scale y = scale_of(low, high, false, frame.bottom, frame.top);
  std::string out = opened(frame, "signal over noise of each step") +
                    axes(frame, x, y, "step", "dB (higher is nearer to float)") +
                    polyline(alone, x, y, "alone") + polyline(accumulated, x, y, "accumulated");
  out += line_from(frame.right - 250, 12, frame.right - 226, 12, "alone") +
         text_at(frame.right - 220, 16, "tick", "alone") +
         line_from(frame.right - 150, 12, frame.right - 126, 12, "accumulated") +
         text_at(frame.right - 120, 16, "tick", "accumulated");
  // The worst ones are named.
  std::vector<size_t> order(alone.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return alone[a].y < alone[b].y; });
  order.resize(std::min<size_t>(order.size(), 5));
  for (const size_t i : order) {
    const std::string& name = plan.steps[plan.report[i].step].name;
    out += mark(x.at(alone[i].x), y.at(alone[i].y),
                concat(printable(name), ": ", fixed(alone[i].y, 1), " dB alone"), "cnn");
  }
  return out + "</svg>\n";
}

std::string graph_picture(const Plan& plan) {
  constexpr double row = 18, from = 220, name_at = 236, most_arc = 200;
  constexpr size_t most_steps = 2000;  // a browser draws no more
  if (plan.steps.empty() || plan.steps.size() > most_steps) return "";
  const auto down = [](size_t i) { return 14 + row * static_cast<double>(i); };
  std::map<uint32_t, size_t> made_by;
  for (size_t i = 0; i < plan.steps.size(); ++i) made_by[plan.steps[i].output] = i;
  const double height = down(plan.steps.size());
  std::string out = concat("<svg class=\"tall\" viewBox=\"0 0 960 ", coordinate(height),
                           "\" role=\"group\" aria-label=\"graph of the steps\">\n");
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    for (const uint32_t input : plan.steps[i].inputs) {
      const auto maker = made_by.find(input);
      if (maker == made_by.end()) continue;
      const size_t k = maker->second;
      if (k + 1 == i) {
        out += line_from(from, down(k), from, down(i), "edge");
        continue;
      }
      const double reach = std::min(most_arc, 12 + 6 * static_cast<double>(i - k));
      out += concat("<path class=\"edge\" d=\"M", coordinate(from), " ", coordinate(down(k)), "C",
                    coordinate(from - reach), " ", coordinate(down(k)), " ",
                    coordinate(from - reach), " ", coordinate(down(i)), " ", coordinate(from), " ",
                    coordinate(down(i)), "\"/>\n");
    }
  }
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const auto& s = plan.tensors[step.output].shape;
    out += concat("<circle class=\"node\" cx=\"", coordinate(from), "\" cy=\"", coordinate(down(i)),
                  "\" r=\"4\"/>\n",
                  text_at(name_at, down(i) + 4, "name", printable(step.name)),
                  text_at(640, down(i) + 4, "tick", step_operator_name(step.op)),
                  text_at(760, down(i) + 4, "tick",
                          concat(s[0], "\u00d7", s[1], "\u00d7", s[2], "\u00d7", s[3])));
  }
  return out + "</svg>\n";
}

}  // namespace octavo::report
