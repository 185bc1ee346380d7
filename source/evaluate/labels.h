// Class names from a text file.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace octavo {

// One class a line, in order of the classes; a line may also be "index TAB id TAB
// names" or "n01440764 names" (a WordNet id). `classes` lines are needed; one more is
// taken as a background class in front only if the network has it, so never guessed.
Result<std::vector<std::string>> read_labels(const std::string& path, int classes);

}  // namespace octavo
