#include "zoo/models.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <new>
#include <set>

#include "base/letter_case.h"
#include "base/text.h"

namespace octavo::zoo {

namespace {

constexpr unsigned char table_bytes[] = {
#include "models_toml.inc"
};

// Reads one table's values and remembers the first that is missing or of another type.
class Reader {
 public:
  Reader(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  std::string text(const char* key) { return value<std::string>(key).value_or(""); }
  int whole(const char* key, int otherwise) {
    const int64_t number = value<int64_t>(key).value_or(otherwise);
    if (number < 1 || number > 100'000) complain(key, "a whole number from 1 to 100000 is needed");
    return static_cast<int>(number);
  }
  std::optional<double> number(const char* key) {
    const std::optional<double> found = value<double>(key);
    if (found && !(std::isfinite(*found) && *found >= 0)) complain(key, "a number is needed");
    return found;
  }
  double needed_number(const char* key) {
    const std::optional<double> found = number(key);
    if (!found) complain(key, "is missing");
    return found.value_or(0);
  }
  std::string needed_text(const char* key) {
    std::string found = text(key);
    if (found.empty()) complain(key, "is missing");
    return found;
  }
  std::array<double, 3> triple(const char* key) {
    std::array<double, 3> out{};
    seen_.insert(key);
    const toml::array* array = table_[key].as_array();
    if (!array || array->size() != 3) {
      complain(key, "three numbers are needed");
      return out;
    }
    for (size_t i = 0; i < 3; ++i) out[i] = (*array)[i].value<double>().value_or(NAN);
    if (!std::all_of(out.begin(), out.end(), [](double v) { return std::isfinite(v); }))
      complain(key, "three numbers are needed");
    return out;
  }
  const toml::table* inner(const char* key) {
    seen_.insert(key);
    const toml::node* node = table_.get(key);
    if (node && !node->is_table()) complain(key, "a table is needed");
    return node ? node->as_table() : nullptr;
  }
  void complain(std::string_view key, std::string_view what) {
    if (problem_.empty()) problem_ = concat(where_, ": ", quoted(key), ": ", what);
  }
  // Empty, or one line.
  std::string problem() {
    for (const auto& [key, node] : table_)
      if (!seen_.contains(std::string(key.str()))) complain(key.str(), "is no key of a model");
    return problem_;
  }

 private:
  template <class Value>
  std::optional<Value> value(const char* key) {
    seen_.insert(key);
    const toml::node* node = table_.get(key);
    if (!node) return std::nullopt;
    const std::optional<Value> found = node->value<Value>();
    if (!found) complain(key, "is of another type");
    return found;
  }

  const toml::table& table_;
  std::string where_, problem_;
  std::set<std::string> seen_;
};

Result<Reference> read_reference(const toml::table& table, const std::string& name) {
  Reader read(table, concat("[", name, "] reference"));
  Reference out;
  out.parameters_m = read.needed_number("parameters_m");
  out.float_top1 = read.needed_number("float_top1");
  out.quantized_top1 = read.needed_number("quantized_top1");
  out.ms_one_thread = read.needed_number("ms_one_thread");
  out.ms_many_threads = read.needed_number("ms_many_threads");
  out.fps = read.needed_number("fps");
  if (const std::string problem = read.problem(); !problem.empty()) return rejected(problem);
  return out;
}

Result<Model> read_model(const toml::table& table, const std::string& name) {
  Reader read(table, concat("[", name, "]"));
  Model out;
  out.name = name;
  out.family = read.needed_text("family");
  out.architecture = read.needed_text("architecture");
  out.library = read.text("library");
  out.model = read.text("model");
  out.tag = read.text("tag");
  out.file = read.text("file");
  if (out.file.empty()) out.file = name + ".onnx";
  out.licence = read.text("licence");
  out.input = read.whole("input", out.input);
  out.classes = read.whole("classes", out.classes);
  out.recipe.size = read.whole("size", out.recipe.size);
  out.recipe.crop = read.needed_number("crop");
  out.recipe.interpolation = read.needed_text("interpolation");
  out.recipe.mean = read.triple("mean");
  out.recipe.std = read.triple("std");
  out.parameters_m = read.number("parameters_m");
  out.published_top1 = read.number("published_top1");
  out.published_source = read.text("published_source");
  out.doubts = read.text("doubts");
  if (const toml::table* reference = read.inner("reference")) {
    auto figures = read_reference(*reference, name);
    if (!figures) return figures.error();
    out.reference = *figures;
  }
  if (!(out.recipe.crop > 0 && out.recipe.crop <= 1)) read.complain("crop", "0 to 1 is needed");
  if (const std::string problem = read.problem(); !problem.empty()) return rejected(problem);
  return out;
}

}  // namespace

Result<std::vector<Model>> parse_models(const std::string& text) {
  try {
    const toml::table parsed = toml::parse(text);
    std::vector<std::pair<toml::source_index, Model>> found;  // toml++ sorts by name
    for (const auto& [key, node] : parsed) {
      const std::string name(key.str());
      if (!node.is_table()) return rejected(concat(quoted(name), ": a table a model is needed"));
      auto model = read_model(*node.as_table(), name);
      if (!model) return model.error();
      found.emplace_back(node.source().begin.line, std::move(*model));
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Model> out;
    for (auto& [line, model] : found) out.push_back(std::move(model));
    return out;
  } catch (const toml::parse_error& error) {
    return rejected(concat("line ", error.source().begin.line, ": ", error.description()));
  }
}

const std::vector<Model>& models() {
  static const std::vector<Model> all = [] {
    auto parsed = parse_models(std::string(std::begin(table_bytes), std::end(table_bytes)));
    // The tests hold that it parses. toml++ reads numbers through a stream, which takes a lack of
    // memory for a number that is none.
    if (!parsed) throw std::bad_alloc();
    return std::move(*parsed);
  }();
  return all;
}

Result<const Model*> find_model(const std::string& name) {
  std::vector<std::string> names;
  for (const Model& model : models()) {
    if (lower_case(model.name) == lower_case(name)) return &model;
    names.push_back(model.name);
  }
  const std::string near = nearest_name(name, names);
  return usage_error(concat("no model of the zoo is called ", quoted(name),
                            near.empty() ? "" : concat("; did you mean ", near, "?"),
                            " (octavo zoo list names them)"));
}

}  // namespace octavo::zoo
