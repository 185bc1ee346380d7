#include "report/report.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/fixed.h"
#include "base/text.h"
#include "page/html.h"

namespace octavo::report {

namespace {

using page::element;
using page::html_escaped;

constexpr unsigned char page_bytes[] = {
#include "report_html.inc"
};
constexpr unsigned char style_bytes[] = {
#include "report_css.inc"
};

std::string pair(std::string_view name, std::string_view text) {
  return concat(element("dt", name), element("dd", text), "\n");
}

std::string fact(std::string_view name, std::string_view text) {
  return concat("<div>", element("dt", name), element("dd", text), "</div>\n");
}

std::string shape_text(const std::array<int32_t, 4>& s) {
  return s[0] == 1 ? concat(s[1], "\u00d7", s[2], "\u00d7", s[3])
                   : concat(s[0], "\u00d7", s[1], "\u00d7", s[2], "\u00d7", s[3]);
}

std::string_view type_text(ElementType type) {
  constexpr std::string_view names[] = {"uint8", "int8", "int16", "float32"};
  return names[static_cast<size_t>(type)];
}

// "281 tabby, tabby cat", or the number alone.
std::string class_text(const Plan& plan, int32_t index) {
  const auto at = static_cast<size_t>(index);
  return index >= 0 && at < plan.labels.size() ? concat(index, " ", plan.labels[at])
                                               : concat(index);
}

double percent(int64_t part, size_t n) {
  return 100 * static_cast<double>(part) / static_cast<double>(std::max<size_t>(n, 1));
}

std::string interval_text(const Interval& interval, double times, int digits) {
  return concat("[", fixed(times * interval.low, digits), ", ",
                fixed(times * interval.high, digits), "]");
}

double frame_us(const Report& report) {
  double sum = 0;
  for (const StepTime& time : report.times) sum += time.us;
  return sum;
}

std::string facts(const Report& report) {
  const Plan& plan = *report.plan;
  int64_t macs = 0, parameters = 0;
  for (const Step& step : plan.steps) {
    macs += step_macs(plan, step);
    parameters += step_parameters(plan, step);
  }
  std::string out = fact("Input", shape_text(plan.tensors[plan.input].shape)) +
                    fact("Outputs", concat(plan.tensors[plan.output].shape[3], " ",
                                           output_kind_name(plan.output_kind))) +
                    fact("Parameters", fixed(static_cast<double>(parameters) / 1e6, 2) + " M") +
                    fact("Multiply-accumulates", fixed(static_cast<double>(macs) / 1e9, 3) + " G") +
                    fact("File", fixed(static_cast<double>(report.plan_bytes) / 1e6, 2) + " MB");
  if (!report.times.empty()) {
    out += fact("A frame, one thread", fixed(frame_us(report) / 1e3, 2) + " ms") +
           fact("Measured on", concat(report.cpu, ", ", report.isa));
  }
  return out;
}

// One sentence: what to think of the plan.
std::string lead(const Report& report) {
  if (!report.evaluation) {
    return "Eight bits from a float network. Accuracy was not measured for this page: name the "
           "float "
           "model and labelled pictures.";
  }
  const ModelComparison& p = report.evaluation->paired.front();
  return concat("On ", p.n, " pictures int8 loses ", fixed(p.drop, 2),
                " points of Top-1, 95 % interval ", interval_text(p.drop_ci95, 1, 2),
                ", and agrees with float on ", fixed(percent(p.agree, static_cast<size_t>(p.n)), 1),
                " %: ", p.verdict, " at a margin of ", fixed(p.margin, 2), " points.");
}

std::string table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"wide table\"><table>\n<thead><tr>";
  for (const std::string& title : head)
    out += concat("<th scope=\"col\">", html_escaped(title), "</th>");
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    out += concat("<tr><th scope=\"row\">", html_escaped(row.front()), "</th>");
    for (size_t i = 1; i < row.size(); ++i)
      out += concat("<td class=\"number\">", html_escaped(row[i]), "</td>");
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table></div>\n";
}

std::string verdict(const Report& report) {
  if (!report.evaluation) return "";
  const Evaluation& e = *report.evaluation;
  const ModelComparison& p = e.paired.front();
  std::vector<std::vector<std::string>> models;
  for (size_t m = 0; m < 2; ++m) {
    const ModelAccuracy& a = e.models[m];
    models.push_back({m == 0 ? "float" : "int8", fixed(percent(a.right1, e.pictures.size()), 2),
                      interval_text(a.top1_ci95, 100, 2),
                      fixed(percent(a.right5, e.pictures.size()), 2)});
  }
  std::vector<std::vector<std::string>> compared = {
      {"Drop, points", fixed(p.drop, 2), interval_text(p.drop_ci95, 1, 2)},
      {"Pictures lost / won", concat(p.right_to_wrong, " / ", p.wrong_to_right),
       concat("p = ", fixed(p.p_mcnemar, 3), " (McNemar)")},
      {concat("Equivalent within ", fixed(p.margin, 2), " points"), std::string(p.verdict),
       concat("p = ", fixed(p.p_equivalence, 4), " (two one-sided tests)")},
      {"Same Top-1, %", fixed(percent(p.agree, static_cast<size_t>(p.n)), 2),
       interval_text(p.agree_ci95, 100, 2)}};
  if (p.divergence) {
    compared.push_back({"Divergence of scores, nats", fixed(p.divergence->mean, 5),
                        interval_text(p.divergence->ci95, 1, 5)});
  }
  std::string out = "<h2>Verdict</h2>\n" + table({"", "Top-1 %", "95 %", "Top-5 %"}, models) +
                    table({"int8 against float", "", "95 %, or test"}, compared);
  if (p.more_pictures > 0) {
    out += element("p", concat("About ", p.more_pictures, " more pictures decide."));
  }
  for (const HarmedClass& c : p.harmed) {
    out += element("p", concat("Class ", class_text(*report.plan, c.index), " is harmed: of ", c.n,
                               " pictures ", c.right_to_wrong, " are lost and ", c.wrong_to_right,
                               " won, p = ", fixed(c.p, 4), " among all classes."));
  }
  return out;
}

std::string flips(const Report& report) {
  if (!report.evaluation || report.flips.empty()) return "";
  std::string out = concat("<h2>Pictures on which the two differ</h2>\n",
                           element("p", concat(report.flips.size(), " of ", report.flips_in_all,
                                               "; the right class is bold.")),
                           "\n<ul class=\"flips\">\n");
  for (const Flip& flip : report.flips) {
    const auto named = [&](const char* who, int32_t index) {
      const std::string text = html_escaped(concat(who, ": ", class_text(*report.plan, index)));
      return index == flip.label ? concat("<span class=\"right\">", text, "</span>") : text;
    };
    const std::string file = std::filesystem::path(flip.path).filename().string();
    out += "<li>";
    if (!flip.png.empty()) {
      out += concat("<img alt=\"", html_escaped(file), "\" src=\"data:image/png;base64,",
                    page::base64(flip.png), "\">");
    }
    out += concat("<p>", named("float", flip.before), "<br>", named("int8", flip.after));
    if (flip.label != flip.before && flip.label != flip.after)
      out += "<br>" + html_escaped(concat("label: ", class_text(*report.plan, flip.label)));
    out += concat("<br><small>", html_escaped(file), "</small></p></li>\n");
  }
  return out + "</ul>\n";
}

std::string figure(std::string_view title, const std::string& svg) {
  if (svg.empty()) return "";
  return concat("<figure>\n", element("figcaption", title),
                "\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"picture\">", svg,
                "</div>\n</figure>\n");
}

std::string number_cell(double value, int digits, const std::string& behind = "") {
  return concat("<td class=\"number\" data-value=\"", value, "\">", fixed(value, digits), behind,
                "</td>");
}

std::string bar(double share) {
  return concat(
      "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\"><rect width=\"",
      fixed(100 * std::clamp(share, 0.0, 1.0), 1), "\" height=\"10\"/></svg>");
}

constexpr std::string_view no_cell =
    "<td class=\"number none\"><span title=\"not measured\">\u2014</span></td>";

std::string steps_head(const Report& report) {
  std::string out = "<tr>";
  const auto add = [&](const char* title, bool number) {
    out += concat("<th scope=\"col\" class=\"", number ? "number" : "text", "\"><span>", title,
                  "</span></th>");
  };
  add("Step", false);
  add("Operator", false);
  add("Output", false);
  add("Stored as", false);
  add("MACs, M", true);
  if (!report.times.empty()) {
    add("Time, \u00b5s", true);
    add("GMAC/s", true);
    add("Kernel", false);
  }
  add("Alone, dB", true);
  add("Accumulated, dB", true);
  return out + "</tr>\n";
}

std::string steps(const Report& report) {
  const Plan& plan = *report.plan;
  std::map<uint32_t, const StepReport*> errors;
  for (const StepReport& row : plan.report) errors[row.step] = &row;
  double slowest = 1e-9;
  for (const StepTime& time : report.times) slowest = std::max(slowest, time.us);
  std::string out;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const PlanTensor& made = plan.tensors[step.output];
    const auto macs = static_cast<double>(step_macs(plan, step));
    out += concat("<tr><th scope=\"row\">", html_escaped(step.name), "</th><td class=\"text\">",
                  step_operator_name(step.op), "</td><td class=\"text\">", shape_text(made.shape),
                  "</td><td class=\"text\">", type_text(made.type), "</td>",
                  number_cell(macs / 1e6, 2));
    if (!report.times.empty()) {
      const StepTime& time = report.times[i];
      out += number_cell(time.us, 1, bar(time.us / slowest));
      out += macs > 0 && time.us > 0 ? number_cell(macs / time.us / 1e3, 1) : std::string(no_cell);
      out += concat("<td class=\"text\">", html_escaped(time.kernel), "</td>");
    }
    const auto error = errors.find(static_cast<uint32_t>(i));
    const bool known = error != errors.end();
    out += known ? number_cell(error->second->sqnr_alone_db, 1) : std::string(no_cell);
    out += known ? number_cell(error->second->sqnr_db, 1) : std::string(no_cell);
    out += "</tr>\n";
  }
  return out;
}

std::string origin(const Report& report) {
  const Plan& plan = *report.plan;
  const Provenance& p = plan.provenance;
  std::string out = pair("Plan", report.plan_path) + pair("SHA-256 of the plan", report.sha256) +
                    pair("Made by", "Octavo " + p.tool_version) +
                    pair("SHA-256 of the float file", p.model_sha256) +
                    pair("Calibration", p.calibration_pictures > 0
                                            ? concat(p.calibration_pictures, " pictures, SHA-256 ",
                                                     p.calibration_sha256)
                                            : std::string("none: no picture was used")) +
                    pair("Options", p.options);
  if (report.evaluation) {
    out += pair("Float model", report.float_path) + pair("Pictures", report.data_path);
  }
  return out;
}

}  // namespace

std::string report_page(const Report& report) {
  const Plan& plan = *report.plan;
  const std::string style = page::shared_style() + page::text_of_bytes(style_bytes);
  const std::string& script = page::shared_script();
  const std::string graph = graph_picture(plan);
  const std::map<std::string, std::string> parts = {
      {"name", html_escaped(std::filesystem::path(report.plan_path).filename().string())},
      {"style", style},
      {"script", script},
      {"style digest", page::content_digest(style)},
      {"script digest", page::content_digest(script)},
      {"lead", html_escaped(lead(report))},
      {"facts", facts(report)},
      {"verdict", verdict(report)},
      {"frontier", figure("What the search for bounds tried", frontier_picture(plan))},
      {"flips", flips(report)},
      {"steps note",
       "Signal over noise of each step's output against the float network on calibration pictures: "
       "alone, that step quantized and no other; accumulated, all steps quantized."},
      {"errors", figure("Signal over noise along the network", error_picture(plan))},
      {"steps head", steps_head(report)},
      {"steps", steps(report)},
      {"graph", graph.empty() ? ""
                              : concat("<details><summary>The network</summary>\n",
                                       figure("Steps from top to bottom; arcs are what later steps "
                                              "read besides",
                                              graph),
                                       "</details>\n")},
      {"origin", origin(report)},
      {"command", html_escaped(report.command)}};
  return page::filled(page::text_of_bytes(page_bytes), parts);
}

}  // namespace octavo::report
