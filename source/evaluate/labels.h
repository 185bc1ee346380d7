// Class names from a text file.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace octavo {

// One class a line, in order of the classes; a line may also be "index TAB id TAB
// names" or "n01440764 names" (a WordNet id). Any other number of names than `classes`
// is `rejected`: a background class is never guessed.
Result<std::vector<std::string>> read_labels(const std::string& path, int classes);

}  // namespace octavo
