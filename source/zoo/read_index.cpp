// An index from where it is: a local file, or a server.

#include "base/file.h"
#include "base/text.h"
#include "zoo/index.h"
#include "zoo/sources.h"
#include "zoo/transfer.h"

namespace octavo::zoo {

namespace {

constexpr uint64_t most_bytes = uint64_t{16} << 20;

// A server's index is short: each attempt begins at its first byte.
Result<std::optional<Failure>> fetch(const std::string& url, const Patience& patience,
                                     std::string& text) {
  text.clear();
  const auto too_large = [&](uint64_t bytes) {
    return rejected(
        concat("index ", quoted(url), " has ", bytes, " bytes or more; the most is ", most_bytes));
  };
  const Receiver receiver{.begin = [&](const Head& head) -> Result<std::string> {
                            if (head.partial)
                              return std::string("answers with a part that was not asked for");
                            if (head.length.value_or(0) > most_bytes)
                              return too_large(*head.length);
                            return std::string();
                          },
                          .take = [&](std::span<const std::byte> bytes) -> Result<bool> {
                            if (text.size() + bytes.size() > most_bytes)
                              return too_large(most_bytes + 1);
                            text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                            return true;
                          },
                          .tick = {}};
  return transfer({url, 0, ""}, receiver, patience);
}

}  // namespace

Result<Index> read_index(const std::string& location, const Patience& patience) {
  if (!is_url(location)) {
    if (location.find("://") != std::string::npos)
      return usage_error(concat("index ", quoted(location),
                                ": a path, or an http or https URL, "
                                "is needed"));
    const auto bytes = read_file(location, most_bytes);
    if (!bytes) return bytes.error();
    return parse_index({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, location);
  }
  std::string text;
  const Status fetched = ask_sources(
      {location}, patience, [&](Source& source) { return fetch(source.url, patience, text); });
  if (!fetched) {
    Error error = fetched.error();
    if (error.kind == ErrorKind::failed) error.message = "cannot read the index: " + error.message;
    return error;
  }
  return parse_index(text, location);
}

}  // namespace octavo::zoo
