// The rooms' one owner of an open file, under the zoo's name.
#pragma once

#include "base/descriptor.h"

namespace octavo::zoo {

using octavo::Descriptor;

}  // namespace octavo::zoo
