// Class names: from a text file, or built in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace octavo {

// One class a line, in order of the classes; a line may also be "index TAB id TAB
// names" or "n01440764 names" (a WordNet id). Any other number of names than `classes`
// is `rejected`: a background class is never guessed. The path "imagenet" stands for
// imagenet_names; a file that is called so is ./imagenet.
Result<std::vector<std::string>> read_labels(const std::string& path, int classes);

// A line a class.
std::string_view imagenet_names();

// What to tell who runs a network whose classes have no names, though they may be ImageNet's; "".
std::string hint_at_names(size_t names, int classes);

}  // namespace octavo
