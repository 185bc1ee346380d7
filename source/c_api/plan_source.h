// Where a plan's bytes are to be had once more: a program lets its weights go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "plan/plan.h"

namespace octavo::c_api {

// A file that stays open and is read again, or a copy.
class PlanSource {
 public:
  PlanSource(KeptFile file, uint64_t hash) : file_(std::move(file)), hash_(hash) {}
  explicit PlanSource(std::span<const std::byte> bytes) : bytes_(bytes.begin(), bytes.end()) {}

  // An Error where the file was written to meanwhile.
  Result<std::vector<std::byte>> read() const;

 private:
  std::optional<KeptFile> file_;
  uint64_t hash_ = 0;  // of the file
  std::vector<std::byte> bytes_;
};

struct ReadPlan {
  Plan plan;
  PlanSource source;
};

Result<ReadPlan> read_plan_file(const std::string& path);
Result<ReadPlan> read_plan_bytes(std::span<const std::byte> bytes);

}  // namespace octavo::c_api
