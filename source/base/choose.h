// A word that stands for one of a few values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"

namespace octavo {

// The value of a flag that takes one of a few words.
template <class Value>
Result<Value> choose(const char* flag, const std::string& text,
                     const std::vector<std::pair<std::string, Value>>& known) {
  std::vector<std::string> names;
  std::string all;
  for (const auto& [name, value] : known) {
    if (name == text) return value;
    names.push_back(name);
    all += (all.empty() ? "" : ", ") + name;
  }
  const std::string near = nearest_name(text, names);
  return usage_error(concat(flag, " ", quoted(text), ": known are ", all,
                            near.empty() ? "" : concat("; did you mean ", near, "?")));
}

}  // namespace octavo
