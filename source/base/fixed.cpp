#include "base/fixed.h"

#include <array>
#include <charconv>

namespace octavo {

std::string fixed(double number, int digits) {
  std::array<char, 400> buffer;  // the largest double has 309 digits before the point
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                 std::chars_format::fixed, digits);
  std::string out(buffer.data(), end.ptr);
  // -0.00 would claim a sign that the digits do not show.
  return out.find_first_not_of("-0.") == std::string::npos && out[0] == '-' ? out.substr(1) : out;
}

}  // namespace octavo
