#include "page/html.h"

#include <span>

#include "base/text.h"
#include "pipeline/sha256.h"

namespace octavo::page {

namespace {

constexpr unsigned char style_bytes[] = {
#include "page_css.inc"
};
constexpr unsigned char script_bytes[] = {
#include "table_js.inc"
};

std::string bytes_of_hex(const std::string& hex) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digits.find(hex[i]) << 4 | digits.find(hex[i + 1]));
  return out;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string element(std::string_view tag, std::string_view text) {
  return concat("<", tag, ">", html_escaped(text), "</", tag, ">");
}

std::string filled(const std::string& form, const std::map<std::string, std::string>& parts) {
  std::string out;
  size_t at = 0;
  for (size_t open; (open = form.find("{{", at)) != std::string::npos;) {
    const size_t close = form.find("}}", open);
    out += form.substr(at, open - at);
    const auto part = parts.find(form.substr(open + 2, close - open - 2));
    if (part != parts.end()) out += part->second;
    at = close + 2;
  }
  return out + form.substr(at);
}

std::string content_digest(const std::string& text) {
  const auto hex = sha256_hex(std::as_bytes(std::span(text)));
  return hex ? concat("'sha256-", base64(bytes_of_hex(*hex)), "'") : "'none'";
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

const std::string& shared_style() {
  static const std::string text = text_of_bytes(style_bytes);
  return text;
}

const std::string& shared_script() {
  static const std::string text = text_of_bytes(script_bytes);
  return text;
}

}  // namespace octavo::page
