#include "base/module.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace octavo {

namespace {

std::string path_of_executable() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0 || static_cast<size_t>(length) >= sizeof path) return "./";
  return {path, static_cast<size_t>(length)};
}

// The shared library that this code is linked into; "" where that is the program.
std::string path_of_library() {
  Dl_info unused;
  void* found = nullptr;
  const auto* here = reinterpret_cast<const void*>(&path_of_executable);
  if (::dladdr1(here, &unused, &found, RTLD_DL_LINKMAP) == 0 || found == nullptr) return "";
  const char* name = static_cast<const link_map*>(found)->l_name;
  return name != nullptr ? name : "";
}

std::vector<std::string> places(const Module& module) {
  const std::string library = path_of_library();
  const std::string whole = library.empty() ? path_of_executable() : library;
  const std::string folder = whole.substr(0, whole.rfind('/') + 1);
  const char* installed = library.empty() ? OCTAVO_MODULE_FOLDER "/" : "octavo/";
  std::vector<std::string> paths = {concat(folder, module.file),
                                    concat(folder, installed, module.file)};
  if (const char* named = std::getenv(module.variable)) paths.emplace_back(named);
  return paths;
}

// The loader's own words for a lack of memory are told as that.
Error loader_error(const Module& module, std::string_view words) {
  for (const std::string_view sign : {"memory", "map segment", "static TLS"}) {
    if (words.find(sign) == std::string_view::npos) continue;
    return unsupported(concat("there is not enough memory to load ", module.what, ": ", words));
  }
  const bool lacks = words.find("cannot open shared object file") != std::string_view::npos;
  return failed(concat(module.what, " cannot be loaded: ", words,
                       lacks ? concat("; Debian and Ubuntu have it in ", module.package) : ""));
}

Result<const void*> load_from(const Module& module, const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* words = ::dlerror();
    return loader_error(module, words ? words : "unknown reason");
  }
  const void* entry = ::dlsym(library, module.symbol);
  const char* version = nullptr;
  if (entry) std::memcpy(&version, entry, sizeof version);
  if (!version || std::strcmp(version, OCTAVO_VERSION) != 0) {
    return failed(concat(module.what, " in ", quoted(path), " is not of this version (",
                         OCTAVO_VERSION, "); reinstall octavo"));
  }
  return entry;
}

}  // namespace

Result<const void*> load_module(const Module& module) {
  std::string looked_for;
  for (const std::string& path : places(module)) {
    if (::access(path.c_str(), R_OK) == 0) return load_from(module, path);
    looked_for += concat(looked_for.empty() ? "" : ", ", quoted(path));
  }
  return failed(concat(module.what, " was not found; looked for ", looked_for, "; ",
                       module.variable, " may name it"));
}

}  // namespace octavo
