#include "evaluate/sample_list.h"

#include "base/text.h"

namespace octavo {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// Splits "a b.jpg 17" into "a b.jpg" and "17"; one word alone is the second part.
std::pair<std::string_view, std::string_view> split_last_word(std::string_view line) {
  const size_t blank = line.find_last_of(" \t");
  if (blank == std::string_view::npos) return {{}, line};
  return {trimmed(line.substr(0, blank)), line.substr(blank + 1)};
}

Result<ListedFile> parse_line(std::string_view line, size_t number, const std::string& name,
                              const DataSetOptions& options) {
  const std::string where = concat(quoted(name), " line ", number);
  if (line.find('\0') != std::string_view::npos) {
    return rejected(concat(where,
                           " is not text; a data set is a folder, an uncompressed .tar, or a text "
                           "file of `path class` lines"));
  }
  const auto [path, last] = split_last_word(line);
  const bool numeric = last.find_first_not_of("-0123456789") == std::string_view::npos;
  if (last == "-1" && !options.labels_needed && !path.empty()) {
    return ListedFile{std::string(path), -1, number};
  }
  if (const auto label = parse_class(last); label && numeric) {
    const Result<int> checked = checked_label(*label, options, where);
    if (!checked) return checked.error();
    return ListedFile{std::string(path), *checked, number};
  }
  if (options.labels_needed || numeric) {
    return rejected(concat(where, ": expected `path class`, found ", quoted(line)));
  }
  return ListedFile{std::string(line), -1, number};
}

}  // namespace

std::optional<int> parse_class(std::string_view text) {
  return parse_number<int>(text);
}

Result<int> checked_label(int label, const DataSetOptions& options, const std::string& where) {
  const int64_t shifted = int64_t{label} + options.class_offset;
  const int64_t end = options.classes > 0 ? options.classes : int64_t{INT32_MAX};
  if (label >= 0 && shifted >= 0 && shifted < end) return static_cast<int>(shifted);
  if (!options.labels_needed) return label;
  const std::string offset =
      options.class_offset == 0 ? "" : concat(" with the class offset ", options.class_offset);
  return rejected(concat(where, ": class ", label, offset, " is outside 0 to ", end - 1));
}

Result<std::vector<ListedFile>> parse_list(std::string_view text, const std::string& name,
                                           const DataSetOptions& options) {
  std::vector<ListedFile> files;
  size_t number = 0;
  if (text.starts_with(utf8_mark)) text.remove_prefix(utf8_mark.size());
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    Result<ListedFile> file = parse_line(line, number, name, options);
    if (!file) return file.error();
    files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace octavo
