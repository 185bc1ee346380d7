#include "c_api/plan_source.h"

#include <utility>

#include "base/text.h"
#include "plan/file_header.h"
#include "plan/limits.h"

namespace octavo::c_api {

Result<std::vector<std::byte>> PlanSource::read() const {
  if (!file_) return bytes_;
  auto bytes = file_->read(plan_limit::file_bytes);
  if (!bytes) return bytes;
  if (bytes->size() < FileHeader::bytes || file_hash(*bytes) != hash_) {
    return failed(
        concat(quoted(file_->path()), " was written to since the plan was opened; open it again"));
  }
  return bytes;
}

Result<ReadPlan> read_plan_file(const std::string& path) {
  auto file = KeptFile::open(path);
  if (!file) return file.error();
  const auto bytes = file->read(plan_limit::file_bytes);
  if (!bytes) return bytes.error();
  auto plan = deserialize(*bytes);
  if (!plan) return Error{plan.error().kind, concat(quoted(path), ": ", plan.error().message)};
  return ReadPlan{*std::move(plan), PlanSource(*std::move(file), file_hash(*bytes))};
}

Result<ReadPlan> read_plan_bytes(std::span<const std::byte> bytes) {
  auto plan = deserialize(bytes);
  if (!plan) return plan.error();
  return ReadPlan{*std::move(plan), PlanSource(bytes)};
}

}  // namespace octavo::c_api
