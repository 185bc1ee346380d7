// Lists of pictures and their classes: the text of labels.txt, list.txt, val.txt.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "evaluate/dataset.h"

namespace octavo {

struct ListedFile {
  std::string path;  // as written; empty on a line that is a class alone
  int label = -1;    // with class_offset; -1: none on the line
  size_t line = 0;   // from 1
};

// A whole number of decimal digits, within int.
std::optional<int> parse_class(std::string_view text);

// label + class_offset, which must lie in [0, classes) (or not be negative, if classes is
// 0); else the Error, which begins with `where`.
Result<int> checked_label(int label, const DataSetOptions& options, const std::string& where);

// `path class` lines; blank lines and lines that begin with # do not count. The class is
// the last word, so that a path may hold spaces; -1 is no class, where labels are not needed.
// `name` is the list's, for messages.
Result<std::vector<ListedFile>> parse_list(std::string_view text, const std::string& name,
                                           const DataSetOptions& options);

}  // namespace octavo
