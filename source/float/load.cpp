// Finds and loads the module octavo_float when the first float graph runs.
#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "base/text.h"
#include "float/entry.h"

namespace octavo {

namespace {

std::string folder_of_executable() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0 || static_cast<size_t>(length) >= sizeof path) return ".";
  const std::string_view whole(path, static_cast<size_t>(length));
  return std::string(whole.substr(0, whole.rfind('/')));
}

// Beside the program (a build tree), where an installation puts it, where the user says.
std::vector<std::string> places() {
  const std::string folder = folder_of_executable();
  std::vector<std::string> paths = {concat(folder, "/", float_module_name),
                                    concat(folder, "/" OCTAVO_FLOAT_FOLDER "/", float_module_name)};
  if (const char* named = std::getenv("OCTAVO_FLOAT_ENGINE")) paths.emplace_back(named);
  return paths;
}

Result<const FloatEntry*> load_from(const std::string& path) {
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) return failed(concat("the float engine cannot be loaded: ", ::dlerror()));
  const auto* entry = static_cast<const FloatEntry*>(::dlsym(module, float_entry_symbol));
  if (!entry || std::strcmp(entry->version, OCTAVO_VERSION) != 0) {
    return failed(concat("the float engine ", quoted(path), " is not of this version (",
                         OCTAVO_VERSION, "); reinstall octavo"));
  }
  return entry;
}

Result<const FloatEntry*> load() {
  std::string looked_for;
  for (const std::string& path : places()) {
    if (::access(path.c_str(), R_OK) == 0) return load_from(path);
    looked_for += concat(looked_for.empty() ? "" : ", ", quoted(path));
  }
  return failed(concat("the float engine was not found; looked for ", looked_for,
                       "; OCTAVO_FLOAT_ENGINE may name it"));
}

// Loaded once and never unloaded: its library keeps threads and thread-local state.
Result<const FloatEntry*> load_float_engine() {
  static std::mutex mutex;
  static const FloatEntry* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (!loaded) {
    Result<const FloatEntry*> entry = load();
    if (!entry) return entry.error();
    loaded = *entry;
  }
  return loaded;
}

}  // namespace

Result<std::unique_ptr<FloatSession>> create_float_session(const Graph& graph) {
  const Result<const FloatEntry*> entry = load_float_engine();
  if (!entry) return entry.error();
  return (*entry)->create(graph);
}

}  // namespace octavo
