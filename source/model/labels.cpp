#include "model/labels.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

namespace octavo {

namespace {

constexpr uint64_t largest_label_bytes = uint64_t{1} << 26;
constexpr size_t longest_label = 1024;
constexpr std::string_view built_in = "imagenet";
constexpr int imagenet_classes = 1000;

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool wordnet_id(std::string_view text) {
  return text.size() == 9 && text.front() == 'n' && all_digits(text.substr(1));
}

// Takes "12<TAB>" and "n01440764<TAB or space>" off the front.
std::string_view name_of(std::string_view line) {
  if (const size_t tab = line.find('\t'); tab != line.npos && all_digits(line.substr(0, tab))) {
    line.remove_prefix(tab + 1);
  }
  const size_t gap = line.find_first_of("\t ");
  if (gap != line.npos && wordnet_id(line.substr(0, gap))) line.remove_prefix(gap + 1);
  return line;
}

}  // namespace

Result<std::vector<std::string>> read_labels(const std::string& path, int classes) {
  std::vector<std::byte> bytes;
  std::string_view rest = imagenet_names();
  if (path != built_in) {
    auto read = read_file(path, largest_label_bytes);
    if (!read) return read.error();
    bytes = std::move(*read);
    rest = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  if (rest.starts_with(utf8_mark)) rest.remove_prefix(utf8_mark.size());
  std::vector<std::string> labels;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > longest_label || line.find('\0') != line.npos) {
      return rejected(concat(quoted(path), " line ", labels.size() + 1, " is no class name"));
    }
    if (!line.empty()) labels.emplace_back(name_of(line));
  }
  if (static_cast<int>(labels.size()) != classes) {
    return rejected(concat(quoted(path), " has ", labels.size(), " names, the network has ",
                           classes, " classes"));
  }
  return labels;
}

std::string hint_at_names(size_t names, int classes) {
  if (names > 0 || classes != imagenet_classes) return "";
  return concat("the ", classes, " classes have no names: if they are ImageNet's, --labels ",
                built_in, " names them");
}

}  // namespace octavo
