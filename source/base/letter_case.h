// Names that are compared without regard to case: ASCII only, whatever the locale says.
#pragma once

#include <string>

namespace octavo {

inline std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace octavo
