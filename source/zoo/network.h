// What the module octavo_network exports: one symbol of C linkage, `octavo_network_entry`. It
// brings libcurl, and with it TLS, Kerberos and IDN, for which a command that does not use the
// network should not pay.
#pragma once

#include "zoo/transfer.h"

namespace octavo::zoo {

// Of the module itself.
Result<std::optional<Failure>> transfer_by_curl(const Request& request, const Receiver& receiver,
                                                const Patience& patience);
Result<std::string> resolve_url_by_curl(const std::string& text, const std::string& base);
std::string url_escaped_by_curl(const std::string& name);

struct NetworkEntry {
  const char* version;  // OCTAVO_VERSION of the build: both sides must be of one build
  Result<std::optional<Failure>> (*transfer)(const Request&, const Receiver&, const Patience&);
  Result<std::string> (*resolve_url)(const std::string& text, const std::string& base);
  std::string (*url_escaped)(const std::string& name);
};

inline constexpr char network_entry_symbol[] = "octavo_network_entry";
inline constexpr char network_module_name[] = "liboctavo_network.so";

}  // namespace octavo::zoo
