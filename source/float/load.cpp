// Finds and loads the module octavo_float when the first float graph runs.
#include <mutex>

#include "base/module.h"
#include "float/entry.h"

namespace octavo {

namespace {

Result<const FloatEntry*> load_float_engine() {
  static std::mutex mutex;
  static const FloatEntry* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (!loaded) {
    const auto entry = load_module({"the float engine", float_module_name, float_entry_symbol,
                                    "OCTAVO_FLOAT_ENGINE", "libdnnl2"});
    if (!entry) return entry.error();
    loaded = static_cast<const FloatEntry*>(*entry);
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
