#include "zoo/sheet.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"

namespace octavo::zoo {

namespace {

auto parts(const RowHost& host) {
  return std::tie(host.cpu, host.isa, host.compiler, host.version, host.physical_cores);
}

std::string letter(size_t index) {
  return index < 26 ? std::string(1, static_cast<char>('A' + index)) : concat(index + 1);
}

std::string description(const RowHost& host) {
  std::string out = host.cpu.empty() ? "unknown processor" : host.cpu;
  out += concat(", ", host.physical_cores, host.physical_cores == 1 ? " core" : " cores");
  if (!host.isa.empty()) out += concat(", ", host.isa);
  if (!host.version.empty()) out += concat("; Octavo ", host.version);
  if (!host.compiler.empty()) out += concat(", ", host.compiler);
  return out;
}

void name_hosts(Sheet& sheet) {
  for (Line& line : sheet.lines) {
    const RowHost& host = line.row->host;
    const auto known = std::find_if(sheet.hosts.begin(), sheet.hosts.end(),
                                    [&](const RowHost& h) { return parts(h) == parts(host); });
    line.host = letter(static_cast<size_t>(known - sheet.hosts.begin()));
    if (known == sheet.hosts.end()) sheet.hosts.push_back(host);
  }
}

// "5", "5 to 300", or "" when no line has it.
template <class Value>
std::string span_of(const std::set<Value>& values) {
  if (values.empty()) return "";
  return values.size() == 1 ? concat(*values.begin())
                            : concat(*values.begin(), " to ", *values.rbegin());
}

void state_facts(Sheet& sheet) {
  for (size_t i = 0; i < sheet.hosts.size(); ++i) {
    const std::string label = sheet.hosts.size() == 1 ? "Host" : concat("Host ", letter(i));
    sheet.facts.emplace_back(label, description(sheet.hosts[i]));
  }
  std::set<std::string> days;
  std::set<int64_t> calibration;
  for (const Line& line : sheet.lines) {
    days.insert(line.row->measured.substr(0, 10));
    if (line.row->calibration_pictures) calibration.insert(*line.row->calibration_pictures);
  }
  const auto state = [&](const char* label, const std::string& text) {
    if (!text.empty()) sheet.facts.emplace_back(label, text);
  };
  state("Measured", span_of(days));
  state("Calibration", calibration.empty() ? "" : span_of(calibration) + " pictures a model");
  state("Models", concat(sheet.lines.size(), " measured, ", sheet.not_measured.size(), " not"));
}

void warn(Sheet& sheet) {
  size_t made_up = 0;
  for (const Line& line : sheet.lines) made_up += line.row->weights.starts_with("made up");
  if (made_up > 0) {
    sheet.warnings.push_back(concat(
        made_up == sheet.lines.size() ? std::string("All rows have")
                                      : concat(made_up, " of ", sheet.lines.size(), " rows have"),
        " made-up weights: they show what the networks cost, and claim no accuracy."));
  }
  if (sheet.hosts.size() > 1) {
    sheet.warnings.push_back(
        concat("The rows come from ", sheet.hosts.size(),
               " hosts or builds, marked by letter: times of different hosts do not compare."));
  }
}

}  // namespace

Sheet make_sheet(const std::vector<Row>& rows) {
  std::map<std::string, const Row*> newest;
  for (const Row& row : rows) newest[row.name] = &row;
  Sheet sheet;
  for (const Model& model : models()) {
    const auto found = newest.find(model.name);
    if (found == newest.end()) {
      sheet.not_measured.push_back(model.name);
    } else {
      sheet.lines.push_back({found->second, &model, ""});
      newest.erase(found);
    }
  }
  for (const auto& [name, row] : newest) sheet.lines.push_back({row, nullptr, ""});
  name_hosts(sheet);
  state_facts(sheet);
  warn(sheet);
  return sheet;
}

std::vector<const Column*> shown_columns(const Sheet& sheet) {
  std::vector<const Column*> shown;
  for (const Column& column : columns()) {
    if (column.section.empty() || (column.key == "host" && sheet.hosts.size() < 2)) continue;
    shown.push_back(&column);
  }
  return shown;
}

bool is_numeric(const Sheet& sheet, const Column& column) {
  return std::any_of(sheet.lines.begin(), sheet.lines.end(), [&](const Line& line) {
    const Value value = column.value(line);
    return std::holds_alternative<double>(value) ||
           std::holds_alternative<std::array<double, 2>>(value);
  });
}

size_t Reasons::number(const std::string& sentence) {
  const auto found = std::find(sentences_.begin(), sentences_.end(), sentence);
  const auto index = static_cast<size_t>(found - sentences_.begin());
  if (found == sentences_.end()) sentences_.push_back(sentence);
  return index + 1;
}

}  // namespace octavo::zoo
