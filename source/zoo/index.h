// The index of a mirror: which files it has, how large they are and what their digest is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "zoo/patience.h"

namespace octavo::zoo {

struct Entry {
  std::string name;     // of the model, as `zoo pull` takes it
  std::string file;     // plain file name under which it is kept
  std::string url;      // absolute, http or https
  uint64_t size = 0;    // bytes
  std::string sha256;   // 64 lower-case hexadecimal digits
  std::string weights;  // what its weights are ("pretrained ...", "made up, seed 1"); may be ""
};

struct Index {
  std::string location;  // URL or path it was read from
  std::vector<Entry> files;
};

// Whether it begins with http:// or https://; other locations are paths.
bool is_url(const std::string& location);

// JSON or TOML, told apart by content; `location` resolves relative URLs (of an index that is a
// local file, `url` must be absolute). Rejects duplicates, file names with a path in them, other
// schemes than http and https, sizes and digests that cannot be, unknown keys.
Result<Index> parse_index(const std::string& text, const std::string& location);

// Reads the index from a local file or over http(s), with the retries of pull().
Result<Index> read_index(const std::string& location, const Patience& patience);

// The entry of that name (case does not matter); otherwise a usage Error that names the nearest
// known one, or says that the zoo has the model though this index has not.
Result<const Entry*> find_entry(const Index& index, const std::string& name);

// The folder where pulled files are kept: $OCTAVO_CACHE, else $XDG_CACHE_HOME/octavo, else
// ~/.cache/octavo; "" where none of them is set.
std::string default_cache();

}  // namespace octavo::zoo
