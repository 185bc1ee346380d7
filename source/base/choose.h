// Words that stand for the values of an enumeration: in flags, options and what is printed.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace octavo {

template <class Value>
using Word = std::pair<const char*, Value>;

// The value that `text` stands for. `what` is for messages: the flag or the field.
template <class Value, class Words>
Result<Value> choose_among(const char* what, const std::string& text, const Words& known) {
  std::vector<std::string> names;
  std::string all;
  for (const auto& [name, value] : known) {
    if (name == text) return value;
    names.emplace_back(name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  const std::string near = nearest_name(text, names);
  return usage_error(concat(what, " ", quoted(text), ": known are ", all,
                            near.empty() ? "" : concat("; did you mean ", near, "?")));
}

template <class Value>
Result<Value> choose(const char* what, const std::string& text,
                     const std::vector<std::pair<std::string, Value>>& known) {
  return choose_among<Value>(what, text, known);
}
template <class Value, size_t count>
Result<Value> choose(const char* what, const std::string& text,
                     const std::array<Word<Value>, count>& known) {
  return choose_among<Value>(what, text, known);
}

// The other way; "" for a value without a word.
template <class Value, size_t count>
constexpr const char* word_of(Value value, const std::array<Word<Value>, count>& known) {
  for (const auto& [word, meaning] : known) {
    if (meaning == value) return word;
  }
  return "";
}

}  // namespace octavo
