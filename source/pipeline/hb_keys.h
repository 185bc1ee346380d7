// Inside source/pipeline: the sections and keys of hb_mapper's YAML, and values as it writes them.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "pipeline/yaml.h"

namespace octavo::hb {

enum class Use : uint8_t { read, board };  // board: about its compiler or its cores, passed over

struct Key {
  std::string_view section, name;
  Use use;
};
std::span<const Key> keys();

// A key of one section with its value, for messages: "line 7: input_parameters.norm_type".
struct Value {
  std::string name;
  const YamlNode* node = nullptr;  // null: not in the file

  std::string where() const;
  Error refuse(std::string_view why) const;  // one line: where, then why
  bool is_set() const;                       // in the file, and not '' or None
  // The text without spaces around it; "" where it is not set. Lists and maps are refused.
  Result<std::string> text() const;
  // Values separated by ';' (or a YAML list), without empty ones.
  Result<std::vector<std::string>> list() const;
  // The one value of a key that may have one for each input.
  Result<std::string> one() const;
  Result<bool> boolean(bool otherwise) const;
};

// The keys of the file, each known and in its section; the board's are collected.
class Sections {
 public:
  static Result<Sections> read(const YamlNode& root);
  Value value(std::string_view section, std::string_view name) const;
  const std::vector<std::string>& passed_over() const { return passed_over_; }

 private:
  const YamlNode* root_ = nullptr;
  std::vector<std::string> passed_over_;
};

std::string trimmed(std::string_view text);
std::vector<std::string> split(std::string_view text, std::string_view separators);
// "; did you mean x?", or the names that are known.
std::string nearest_text(std::string_view word, const std::vector<std::string>& known);

// One of a few words; "" is not among them unless listed.
template <class T>
Result<T> one_of(const Value& value, const std::string& text,
                 const std::vector<std::pair<std::string, T>>& known) {
  std::vector<std::string> names;
  for (const auto& [name, meaning] : known) {
    if (name == text) return meaning;
    names.push_back(name);
  }
  return value.refuse(concat("is ", quoted(text), nearest_text(text, names)));
}

}  // namespace octavo::hb
