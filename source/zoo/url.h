// URLs, by libcurl: in the module octavo_network.
#pragma once

#include <string>

#include "base/result.h"

namespace octavo::zoo {

// The absolute http or https URL that `text` means beside `base` ("" where the index is a local
// file); otherwise what is wrong with it.
Result<std::string> resolve_url(const std::string& text, const std::string& base);
// A name as one segment of a URL's path; as it is where the module cannot be loaded.
std::string url_escaped(const std::string& name);

}  // namespace octavo::zoo
