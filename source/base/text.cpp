#include "base/text.h"

#include <algorithm>
#include <cstddef>

#include "base/utf8.h"

namespace octavo {

std::string printable(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const Utf8Character character = first_character(text);
    for (const char raw : text.substr(0, character.bytes)) {
      if (character.valid && !is_terminal_control(character.code)) {
        out += raw;
        continue;
      }
      const auto byte = static_cast<unsigned char>(raw);
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t longest_shown = 320;
  if (text.size() <= longest_shown) return concat("'", printable(text), "'");
  // Cut between characters: a continuation byte of UTF-8 begins none.
  const auto inside = [&](std::size_t at) { return (text[at] & 0xc0) == 0x80; };
  std::size_t head = longest_shown / 2, tail = text.size() - longest_shown / 2;
  for (int i = 0; i < 3 && inside(head); ++i) --head;
  for (int i = 0; i < 3 && inside(tail); ++i) ++tail;
  return concat("'", printable(text.substr(0, head)), "...", printable(text.substr(tail)), "'");
}

std::string json_escaped(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char raw : text) {
    const auto byte = static_cast<unsigned char>(raw);
    if (raw == '"' || raw == '\\') {
      out += '\\';
      out += raw;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += raw;
    }
  }
  return out;
}

namespace {

// Levenshtein distance, one row at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t longest_compared = 256;  // names come from files: keep the work bounded
  if (word.size() > longest_compared) return "";
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > longest_compared) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace octavo
