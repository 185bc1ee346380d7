// Finds and loads the module octavo_network at the first transfer.
#include <mutex>

#include "base/module.h"
#include "zoo/network.h"
#include "zoo/url.h"

namespace octavo::zoo {

namespace {

Result<const NetworkEntry*> load_network() {
  static std::mutex mutex;
  static const NetworkEntry* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (!loaded) {
    const auto entry = load_module({"the network part", network_module_name, network_entry_symbol,
                                    "OCTAVO_NETWORK", "libcurl4"});
    if (!entry) return entry.error();
    loaded = static_cast<const NetworkEntry*>(*entry);
  }
  return loaded;
}

}  // namespace

Result<std::optional<Failure>> transfer(const Request& request, const Receiver& receiver,
                                        const Patience& patience) {
  const auto network = load_network();
  if (!network) return network.error();
  return (*network)->transfer(request, receiver, patience);
}

Result<std::string> resolve_url(const std::string& text, const std::string& base) {
  const auto network = load_network();
  if (!network) return network.error();
  return (*network)->resolve_url(text, base);
}

std::string url_escaped(const std::string& name) {
  const auto network = load_network();
  return network ? (*network)->url_escaped(name) : name;
}

}  // namespace octavo::zoo
