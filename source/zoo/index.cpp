#include "zoo/index.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "base/letter_case.h"
#include "base/text.h"
#include "zoo/models.h"
#include "zoo/url.h"

namespace octavo::zoo {

namespace {

using Json = nlohmann::json;

constexpr uint64_t largest_file = uint64_t{16} << 30;  // a float model is far below
constexpr size_t longest_name = 200;                   // file systems allow 255
constexpr size_t longest_text = 4096;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// A name that stays in the folder where it is put, and is no flag.
bool plain_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && text[0] != '.' && text[0] != '-' &&
         text.find_first_of("/\\") == std::string_view::npos && !has_control(text);
}

// JSON text as a value. An index is three levels deep and repeats no key, which the parser alone
// would not hold to: it would build any depth and keep the last of two keys.
Result<Json> parse_json(std::string_view text) {
  constexpr int deepest = 3;
  std::string problem;
  std::vector<std::set<std::string>> keys(deepest + 1);
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    const bool opens =
        event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= deepest) {
      problem = concat("nested deeper than ", deepest, " levels");
      return false;
    }
    if (opens) keys[static_cast<size_t>(depth)].clear();
    if (event == Json::parse_event_t::key && depth <= deepest) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys[static_cast<size_t>(depth) - 1].insert(key).second)
        problem = concat("the key ", quoted(key), " twice in one object");
    }
    return problem.empty();
  };
  try {
    Json value = Json::parse(text, watch);
    if (!problem.empty()) return rejected(problem);
    return value;
  } catch (const Json::parse_error& error) {
    return rejected(concat("no JSON from byte ", error.byte, " on"));
  } catch (const Json::out_of_range&) {
    return rejected("a number is too large");
  }
}

// TOML as the JSON of the same keys, so that what an index may hold is said once.
Result<Json> parse_toml(std::string_view text) {
  try {
    const toml::table table = toml::parse(text);
    std::ostringstream json;
    json << toml::json_formatter{table};
    return parse_json(json.str());
  } catch (const toml::parse_error& error) {
    return rejected(concat("neither JSON nor TOML: line ", error.source().begin.line, ": ",
                           error.description()));
  }
}

// One element of "files": takes its members by name and remembers the first complaint.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  std::string text(const char* key, bool needed) {
    const Json* value = find(key, needed);
    if (!value) return "";
    if (!value->is_string()) return complain(key, "a text is needed"), "";
    const auto& out = value->get_ref<const std::string&>();
    if (out.size() > longest_text)
      return complain(key, concat(out.size(), " bytes; the most is ", longest_text)), "";
    if (has_control(out)) complain(key, "has control characters in it");
    return out;
  }
  std::string plain(const char* key) {
    std::string out = text(key, true);
    if (problem_.empty() && !plain_name(out))
      complain(key, concat(quoted(out), ": a plain name of at most ", longest_name,
                           " bytes is needed, without a path, not beginning with '.' or '-'"));
    return out;
  }
  uint64_t size(const char* key) {
    const Json* value = find(key, true);
    if (!value) return 0;
    if (value->is_number_unsigned()) {
      const auto out = value->get<uint64_t>();
      if (out >= 1 && out <= largest_file) return out;
    }
    complain(key, concat(value->is_number() ? value->dump() : "that",
                         ": a whole number of bytes from 1 to ", largest_file, " is needed"));
    return 0;
  }
  std::string digest(const char* key) {
    std::string out = text(key, true);
    const bool hex = std::all_of(out.begin(), out.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
    if (problem_.empty() && (out.size() != 64 || !hex))
      complain(key, concat(quoted(out), ": 64 lower-case hexadecimal digits are needed",
                           out.size() == 64 ? "" : concat(", not ", out.size(), " characters")));
    return out;
  }
  std::string url(const char* key, const std::string& base) {
    const std::string written = text(key, true);
    if (!problem_.empty()) return "";
    auto out = resolve_url(written, base);
    if (out) return *out;
    complain(key, concat(quoted(written), ": ", out.error().message));
    return "";
  }
  void complain(std::string_view key, std::string_view what) {
    if (problem_.empty()) problem_ = concat("'", printable(key), "': ", what);
  }
  // Empty, or one line.
  std::string problem() {
    for (const auto& [key, value] : object_.items())
      if (!seen_.contains(key)) complain(key.substr(0, longest_name), "no key of a file");
    return problem_;
  }

 private:
  const Json* find(const char* key, bool needed) {
    seen_.insert(key);
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    if (needed) complain(key, "is missing");
    return nullptr;
  }

  const Json& object_;
  std::string problem_;
  std::set<std::string> seen_;
};

Result<Entry> read_entry(const Json& object, const std::string& base) {
  if (!object.is_object()) return rejected("an object is needed");
  Reader read(object);
  Entry out;
  out.name = read.plain("name");
  out.file = read.plain("file");
  out.url = read.url("url", base);
  out.size = read.size("size");
  out.sha256 = read.digest("sha256");
  out.weights = read.text("weights", false);
  if (const std::string problem = read.problem(); !problem.empty())
    return rejected(out.name.empty() ? problem : concat(quoted(out.name), ": ", problem));
  return out;
}

Result<std::vector<Entry>> read_entries(const Json& index, const std::string& base) {
  if (!index.is_object() || !index.contains("files") || !index["files"].is_array())
    return rejected("an object with an array 'files' is needed");
  for (const auto& [key, value] : index.items()) {
    if (key == "schema_version" ? value != 1 : key != "files")
      return rejected(concat(
          quoted(key), key == "schema_version" ? ": 1 is read here" : ": no key of an index"));
  }
  std::vector<Entry> out;
  std::set<std::string> names, files;
  for (const Json& object : index["files"]) {
    auto entry = read_entry(object, base);
    if (!entry) return rejected(concat("files[", out.size(), "]: ", entry.error().message));
    // Some file systems do not tell letters' case apart, and find_entry() does not.
    if (!names.insert(lower_case(entry->name)).second)
      return rejected(concat("two files are of the name ", quoted(entry->name)));
    if (!files.insert(lower_case(entry->file)).second)
      return rejected(concat("two files are called ", quoted(entry->file)));
    out.push_back(std::move(*entry));
  }
  return out;
}

}  // namespace

bool is_url(const std::string& location) {
  const std::string start = lower_case(location.substr(0, 8));
  return start.starts_with("http://") || start.starts_with("https://");
}

Result<Index> parse_index(const std::string& text, const std::string& location) {
  std::string_view body = text;
  if (body.starts_with(utf8_mark)) body.remove_prefix(utf8_mark.size());
  const size_t first = body.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && body[first] == '{';
  const auto value = json ? parse_json(body) : parse_toml(body);
  const auto in_index = [&](const Error& error) {
    return rejected(concat("index ", quoted(location), ": ", printable(error.message)));
  };
  if (!value) return in_index(value.error());
  auto files = read_entries(*value, is_url(location) ? location : "");
  if (!files) return in_index(files.error());
  return Index{location, std::move(*files)};
}

Result<const Entry*> find_entry(const Index& index, const std::string& name) {
  std::vector<std::string> names;
  for (const Entry& entry : index.files) {
    if (lower_case(entry.name) == lower_case(name)) return &entry;
    names.push_back(entry.name);
  }
  if (const auto model = find_model(name))
    return usage_error(concat("the zoo has ", (*model)->name, ", but the index ",
                              quoted(index.location), " has not; octavo zoo build ", (*model)->name,
                              " makes it"));
  for (const Model& model : models()) names.push_back(model.name);
  const std::string near = nearest_name(name, names);
  return usage_error(concat("neither the zoo nor the index has ", quoted(name),
                            near.empty() ? "" : concat("; did you mean ", near, "?"),
                            " (octavo zoo list names the zoo's)"));
}

std::string default_cache() {
  const auto folder = [](const char* variable) -> std::string {
    const char* value = std::getenv(variable);
    return value ? value : "";
  };
  if (const std::string own = folder("OCTAVO_CACHE"); !own.empty()) return own;
  // The XDG specification: a relative path there is not meant.
  if (const std::string xdg = folder("XDG_CACHE_HOME"); xdg.starts_with('/'))
    return xdg + "/octavo";
  if (const std::string home = folder("HOME"); !home.empty()) return home + "/.cache/octavo";
  return "";
}

}  // namespace octavo::zoo
