#include "zoo/row.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

namespace octavo::zoo {

namespace {

// Ordered, so that a row reads as it was written.
using Json = nlohmann::ordered_json;

constexpr uint64_t most_row_bytes = 1 << 20;

// What a number may be. Whole numbers stay below 2^53, where a double still counts by ones.
struct Range {
  double low = 0, high = 9e15;
};
constexpr Range any_count{}, small_count{1, 1e6}, percent{0, 100}, points{-100, 100};

// A struct of members, as opposed to texts, lists and maps.
template <class Type>
concept Group = std::is_same_v<Type, RowHost> || std::is_same_v<Type, RowAccuracy> ||
    std::is_same_v<Type, RowLatency>;

// Every member under its key, once for reading and writing.
template <class Visit>
void members(Visit& visit, RowHost& host) {
  visit("cpu", host.cpu);
  visit("isa", host.isa);
  visit("compiler", host.compiler);
  visit("version", host.version);
  visit("physical_cores", host.physical_cores, small_count);
}

template <class Visit>
void members(Visit& visit, RowAccuracy& accuracy) {
  visit("data", accuracy.data);
  visit("n", accuracy.n, any_count);
  visit("float_top1", accuracy.float_top1, percent);
  visit("float_ci95", accuracy.float_ci95, percent);
  visit("quantized_top1", accuracy.quantized_top1, percent);
  visit("quantized_ci95", accuracy.quantized_ci95, percent);
  visit("drop", accuracy.drop, points);
  visit("drop_ci95", accuracy.drop_ci95, points);
  visit("agree", accuracy.agree, percent);
  visit("verdict", accuracy.verdict);
}

template <class Visit>
void members(Visit& visit, RowLatency& latency) {
  visit("threads", latency.threads, small_count);
  visit("streams", latency.streams, small_count);
  visit("ms", latency.ms, any_count);
  visit("fps", latency.fps, any_count);
}

template <class Visit>
void members(Visit& visit, Row& row) {
  visit("name", row.name);
  visit("weights", row.weights);
  visit("measured", row.measured);
  visit("options", row.options);
  visit("host", row.host);
  visit("model_sha256", row.model_sha256);
  visit("plan_sha256", row.plan_sha256);
  visit("input", row.input, small_count);
  visit("classes", row.classes, any_count);
  visit("parameters", row.parameters, any_count);
  visit("macs", row.macs, any_count);
  visit("model_bytes", row.model_bytes, any_count);
  visit("plan_bytes", row.plan_bytes, any_count);
  visit("calibration_pictures", row.calibration_pictures, any_count);
  visit("accuracy", row.accuracy);
  visit("float_one_thread", row.float_one_thread);
  visit("one_thread", row.one_thread);
  visit("all_threads", row.all_threads);
  visit("all_streams", row.all_streams);
  visit("peak_bytes", row.peak_bytes, any_count);
  visit("build_peak_bytes", row.build_peak_bytes, any_count);
  visit("build_seconds", row.build_seconds, any_count);
  visit("reasons", row.reasons);
}

class Writer {
 public:
  template <class Value>
  void operator()(const char* key, Value& member, Range = {}) {
    put(key, member);
  }
  Json object = Json::object();

 private:
  void put(const char* key, const std::string& text) {
    if (!text.empty()) object[key] = text;
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void put(const char* key, Number number) { object[key] = number; }
  template <class Number, size_t count>
  void put(const char* key, const std::array<Number, count>& numbers) {
    object[key] = numbers;
  }
  void put(const char* key, const std::map<std::string, std::string>& texts) {
    if (!texts.empty()) object[key] = texts;
  }
  template <class Value>
  void put(const char* key, std::optional<Value>& value) {
    if (value) put(key, *value);
  }
  template <Group Members>
  void put(const char* key, Members& group) {
    Writer inner;
    members(inner, group);
    object[key] = std::move(inner.object);
  }
};

// Remembers the first member that is missing, of another type or out of range.
class Reader {
 public:
  explicit Reader(const Json& object, std::string where = "") : object_(object), where_(where) {}

  template <class Value>
  void operator()(const char* key, Value& member, Range range = {}) {
    known_.push_back(key);
    const auto found = object_.find(key);
    if (found != object_.end()) {
      take(key, *found, member, range);
    } else if constexpr (is_needed<Value>) {
      complain(key, "is missing");
    }
  }
  void complain(std::string_view key, std::string_view what) {
    if (problem_.empty()) problem_ = concat(quoted(concat(where_, key)), " ", what);
  }
  bool knows(const std::string& key) const {
    return std::find(known_.begin(), known_.end(), key) != known_.end();
  }
  // Empty, or one line.
  std::string problem() {
    for (const auto& [key, value] : object_.items()) {
      if (!knows(key)) complain(key, "is no member of a row");
    }
    return problem_;
  }

 private:
  // Texts, maps and what is optional may be left out.
  template <class Value>
  static constexpr bool is_needed =
      Group<Value> || std::is_arithmetic_v<Value> || std::is_same_v<Value, std::array<double, 2>>;

  void take(const char* key, const Json& json, std::string& text, Range) {
    if (!json.is_string()) return complain(key, "must be a text");
    text = json.get<std::string>();
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void take(const char* key, const Json& json, Number& number, Range range) {
    if (!(std::is_integral_v<Number> ? json.is_number_integer() : json.is_number()))
      return complain(key,
                      std::is_integral_v<Number> ? "must be a whole number" : "must be a number");
    // Checked as a double, which holds any number of JSON; only then may it become an int.
    const double value = json.get<double>();
    if (!(value >= range.low && value <= range.high))
      return complain(key, concat("must be from ", range.low, " to ", range.high));
    number = json.get<Number>();
  }
  template <class Number, size_t count>
  void take(const char* key, const Json& json, std::array<Number, count>& numbers, Range range) {
    if (!json.is_array() || json.size() != count)
      return complain(key, concat("must be ", count, " numbers"));
    for (size_t i = 0; i < count; ++i) take(key, json[i], numbers[i], range);
  }
  void take(const char* key, const Json& json, std::map<std::string, std::string>& texts, Range) {
    if (!json.is_object()) return complain(key, "must be an object");
    for (const auto& [name, value] : json.items()) {
      if (!value.is_string()) return complain(key, "must hold texts");
      texts[name] = value.get<std::string>();
    }
  }
  template <class Value>
  void take(const char* key, const Json& json, std::optional<Value>& value, Range range) {
    take(key, json, value.emplace(), range);
  }
  template <Group Members>
  void take(const char* key, const Json& json, Members& group, Range) {
    if (!json.is_object()) return complain(key, "must be an object");
    Reader inner(json, concat(where_, key, "."));
    members(inner, group);
    if (problem_.empty()) problem_ = inner.problem();
  }

  const Json& object_;
  std::string where_, problem_;
  std::vector<std::string> known_;
};

// "2026-11-24", with or without a time behind it.
bool begins_with_day(std::string_view text) {
  constexpr std::string_view form = "0000-00-00";
  if (text.size() < form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9') return false;
  }
  return true;
}

std::string problem_of(Row& row, const Json& json) {
  if (!json.is_object()) return "an object is needed";
  int version = 0;
  Reader read(json);
  read("schema_version", version, small_count);
  members(read, row);
  for (const auto& [name, sentence] : row.reasons) {
    if (!read.knows(name)) read.complain(concat("reasons.", name), "is no member of a row");
  }
  if (version > 1) return concat("\"schema_version\" ", version, " is newer than this Octavo");
  if (row.name.empty()) read.complain("name", "is missing");
  if (!begins_with_day(row.measured)) read.complain("measured", "must be a day, as 2026-01-31");
  return read.problem();
}

Status read_folder(const std::string& folder, std::vector<Row>& rows) {
  namespace fs = std::filesystem;
  std::error_code failure;
  std::vector<std::string> paths;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    if (entry->path().extension() == ".json") paths.push_back(entry->path().string());
  }
  if (failure)
    return rejected(concat("cannot read folder ", quoted(folder), ": ", failure.message()));
  if (paths.empty())
    return rejected(
        concat("no rows in folder ", quoted(folder), ": `octavo zoo build` writes them"));
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const auto bytes = read_file(path, most_row_bytes);
    if (!bytes) return rejected(bytes.error().message);
    auto row = row_from_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, path);
    if (!row) return row.error();
    rows.push_back(std::move(*row));
  }
  return {};
}

}  // namespace

std::string to_json(const Row& row) {
  Row copy = row;  // members() takes what it may fill
  Writer write;
  write.object["schema_version"] = 1;
  members(write, copy);
  return write.object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Row> row_from_json(const std::string& text, const std::string& path) {
  Row row;
  std::string problem;
  try {
    problem = problem_of(row, Json::parse(text));
  } catch (const Json::parse_error& error) {
    problem = concat("no JSON at byte ", error.byte);
  } catch (const Json::exception&) {
    problem = "a number is too large";
  }
  if (!problem.empty())
    return rejected(concat(quoted(path), " is not a row of the zoo: ", problem));
  return row;
}

Result<std::vector<Row>> read_rows(const std::vector<std::string>& folders) {
  std::vector<Row> rows;
  for (const std::string& folder : folders) {
    if (Status read = read_folder(folder, rows); !read) return read.error();
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.measured < b.measured; });
  return rows;
}

}  // namespace octavo::zoo
