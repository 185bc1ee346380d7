// What every page that Octavo writes is made of. A page is one file: its style and script are
// inside, a policy lets nothing else run and no request leave it, and without its script it is
// plain tables.
#pragma once

#include <iterator>
#include <map>
#include <string>
#include <string_view>

namespace octavo::page {

// Text for HTML and SVG, inside elements and quoted attributes.
std::string html_escaped(std::string_view text);

// <tag>text</tag>, the text escaped.
std::string element(std::string_view tag, std::string_view text);

// {{NAME}} in the form becomes the part of that name. In one pass, so that a text with {{...}} in
// it stays a text.
std::string filled(const std::string& form, const std::map<std::string, std::string>& parts);

// What a Content-Security-Policy lets run: these very bytes and no others, whatever a text smuggles
// in.
std::string content_digest(const std::string& text);

// Of bytes, as in data URIs.
std::string base64(std::string_view bytes);

// The bytes of an embedded file (cmake/embed.cmake).
template <size_t size>
std::string text_of_bytes(const unsigned char (&bytes)[size]) {
  return std::string(std::begin(bytes), std::end(bytes));
}

const std::string& shared_style();
// Makes every table.sortable sort by its last row of headings, and gives marks and dashes tips.
const std::string& shared_script();

}  // namespace octavo::page
