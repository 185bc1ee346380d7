// Any bytes as the index of a mirror: refused with a sentence of one line, or entries of which
// every one can be fetched and kept without harm.
#include "zoo/index.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace {

bool harmless(const octavo::zoo::Entry& entry) {
  const bool hex = std::all_of(entry.sha256.begin(), entry.sha256.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  return hex && entry.sha256.size() == 64 && entry.size > 0 && octavo::zoo::is_url(entry.url) &&
         !entry.name.empty() && !entry.file.empty() && entry.file[0] != '.' &&
         entry.file.find('/') == std::string::npos && entry.file.find('\0') == std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const char* location : {"http://host.example/models/index.json", "index.json"}) {
    const auto index = octavo::zoo::parse_index(text, location);
    if (!index) {
      const std::string& message = index.error().message;
      if (message.empty() || message.find('\n') != std::string::npos) std::abort();
      continue;
    }
    std::set<std::string> files;
    for (const octavo::zoo::Entry& entry : index->files) {
      if (!harmless(entry) || !files.insert(entry.file).second) std::abort();
    }
  }
  return 0;
}
