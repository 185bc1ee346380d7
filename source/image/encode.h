// Pictures to files, for pages.
#pragma once

#include <string>

#include "base/result.h"
#include "image/image.h"

namespace octavo {

// The bytes of an 8-bit PNG, gray or RGB. Unsupported in a build without codecs.
Result<std::string> encode_png(const Picture& picture);

}  // namespace octavo
