// Text for messages without iostreams or fmt, so that the runtime library stays
// small, and hostile names made safe to show on one line.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace octavo {

namespace detail {
inline void append(std::string& out, std::string_view part) { out += part; }
inline void append(std::string& out, char part) { out += part; }
template <class Number>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, char>)
void append(std::string& out, Number part) {
  if constexpr (std::is_same_v<Number, bool>) {
    out += part ? "true" : "false";
  } else {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, part).ptr;
    out.append(buffer, end);
  }
}
}  // namespace detail

// concat("row ", 3, " of ", 5) == "row 3 of 5".
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

// The number that all of the text is, in decimal; none where it is not, or does not fit.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

// The text with control characters (Unicode's too: see utf8.h) and what is no UTF-8 escaped:
// a name that comes from a file can be shown without breaking a line or a terminal.
std::string printable(std::string_view text);
// The same in single quotes; of an overlong text the middle is cut out, so that the file
// name at the end of a path stays.
std::string quoted(std::string_view text);
// Overloads so that std::quoted, which argument-dependent lookup also finds, never wins.
inline std::string quoted(const std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(const char* text) { return quoted(std::string_view(text)); }

// What some editors put in front of a text file, to be left out.
inline constexpr std::string_view utf8_mark = "\xef\xbb\xbf";

// The text as the inside of a JSON string; bytes that are no UTF-8 pass through.
std::string json_escaped(std::string_view text);

// "[1, 224, 224, 3]".
template <class Container>
std::string list_text(const Container& values) {
  std::string out = "[";
  for (const auto& value : values) {
    if (out.size() > 1) out += ", ";
    detail::append(out, value);
  }
  return out + "]";
}

// The candidate with the smallest edit distance to `word`, or "" when none is near.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace octavo
