// Inside source/c_api: what octavo_build is asked for, and what its callbacks are.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "octavo/build.h"
#include "pipeline/build.h"

namespace octavo::c_api {

struct BuildRequest {
  std::string model, output;  // output may be empty
  bool overwrite = false;
  BuildOptions build;
  std::vector<std::string> notes;
};

// Everything but the callbacks. Looks into a configuration and whether `output` can be written.
Result<BuildRequest> to_request(const octavo_build_options& given);

// The caller's functions, of which one runs at a time, and what they said.
class Callbacks {
 public:
  explicit Callbacks(const octavo_build_options& given) : given_(given) {}
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  void attach(BuildOptions& build);
  // Whether the caller said so.
  bool stopped() const { return stop_; }
  // Why the caller's own inputs ended the build.
  const std::optional<Error>& gave_up() const { return gave_up_; }

 private:
  void tell(size_t done, size_t total, const char* what);
  Result<NetworkInput> load(const Model& model, size_t index);

  const octavo_build_options& given_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::optional<Error> gave_up_;
};

}  // namespace octavo::c_api
