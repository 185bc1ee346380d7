#include "pipeline/search_file.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "quantize/kept_file.h"

namespace octavo {

namespace {

constexpr uint64_t most_bytes = uint64_t{1} << 24;
constexpr kept::Kind kind{{'O', 'C', 'T', 'S', 'R', 'C', '\0', '\n'}, 1, "search"};

Error about(const std::string& path, const Error& error) {
  return {error.kind, concat("--resume: ", quoted(path), ": ", error.message)};
}

bool is_sound(const FrontierPoint& point) {
  const Judgement& judged = point.judged;
  const auto is_share = [](double percent) { return percent >= -100 && percent <= 100; };
  return judged.pictures > 0 && is_share(judged.agreement) && (!judged.drop || is_share(*judged.drop)) && judged.ms >= 0 && std::isfinite(judged.ms);
}

}  // namespace

void visit_fields(Is<FrontierPoint> auto& p, auto& visit) {
  visit(p.taken, p.judged.pictures, p.judged.agreement, p.judged.drop, p.judged.ms);
}

std::string search_file_of(const std::string& plan_path) {
  return plan_path.empty() ? "" : plan_path + ".search";
}

Status check_search_file(const std::string& path) {
  std::error_code problem;
  if (path.empty() || !std::filesystem::exists(path, problem)) return {};
  const auto first = read_file_part(path, 0, 8);
  if (!first) return first.error();
  if (kept::looks_like(kind, *first)) return {};
  return rejected(concat(quoted(path),
                         " is no search that Octavo kept, which has that name where a search for "
                         "bounds is interrupted, and is left as it is: name the plan otherwise"));
}

Result<std::vector<FrontierPoint>> load_search(const std::string& path, const CalibrationKey& key) {
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) {
    return usage_error(concat("--resume: there is no ", quoted(path),
                              ", which a search that is interrupted leaves: build without it"));
  }
  const auto bytes = read_file(path, most_bytes);
  if (!bytes) return bytes.error();
  const auto body = kept::body(kind, *bytes);
  if (!body) return about(path, body.error());
  CalibrationKey found;
  std::vector<FrontierPoint> out;
  kept::Reader reader(*body);
  reader(found, out);
  const std::string differing = differing_parts(found, key);
  if (!reader.is_whole()) {
    return about(path, rejected("a search whose lists do not fill its bytes: it is damaged"));
  }
  if (!differing.empty()) {
    return about(path, rejected(concat("it is a search with another ", differing,
                                       "; build without --resume begins anew")));
  }
  if (!std::all_of(out.begin(), out.end(), is_sound)) {
    return about(path, rejected("its figures are none that a search has: it is damaged"));
  }
  return out;
}

Status save_search(const std::string& path, const CalibrationKey& key,
                   const std::vector<FrontierPoint>& tried) {
  if (const Status possible = check_search_file(path); !possible) return possible;
  kept::Writer writer = kept::begin(kind);
  writer(key, tried);
  return write_file(path, kept::finish(std::move(writer)), true);
}

void remove_search(const std::string& path) {
  const auto first = read_file_part(path, 0, 8);
  if (!first || !kept::looks_like(kind, *first)) return;
  std::error_code problem;
  std::filesystem::remove(path, problem);
}

}  // namespace octavo
