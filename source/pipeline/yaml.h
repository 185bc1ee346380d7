// YAML text as a plain tree, each value with its line: what a configuration is read from.
// The text is hostile until read: size, depth and count are bounded; anchors, aliases and
// tags are refused, since no configuration needs them; a key may stand once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace octavo {

struct YamlEntry;

struct YamlNode {
  enum class Kind { scalar, list, map };

  Kind kind = Kind::scalar;
  int line = 0;                // from 1; in a map, of the key
  std::string text;            // of a scalar; "" for null
  std::vector<YamlNode> list;  // of a list
  std::vector<YamlEntry> map;  // in the file's order

  bool is_scalar() const { return kind == Kind::scalar; }
  const YamlNode* find(std::string_view key) const;  // null where there is none
};

struct YamlEntry {
  std::string key;
  YamlNode value;
};

// One document; an empty one is an empty map. The Error, `rejected`, names the line.
Result<YamlNode> parse_yaml(std::string_view text);

}  // namespace octavo
