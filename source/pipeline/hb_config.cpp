#include "pipeline/hb_config.h"

#include "base/file.h"
#include "base/text.h"
#include "pipeline/hb_sections.h"

namespace octavo {

Result<HbConfig> parse_hb_config(std::string_view yaml) {
  if (yaml.starts_with(utf8_mark)) yaml.remove_prefix(utf8_mark.size());
  auto root = parse_yaml(yaml);
  if (!root) return root.error();
  auto file = hb::Sections::read(*root);
  if (!file) return file.error();
  HbConfig config;
  for (const auto read : {hb::read_model, hb::read_input, hb::read_calibration}) {
    if (const Status done = read(*file, config); !done) return done.error();
  }
  config.passed_over.insert(config.passed_over.begin(), file->passed_over().begin(),
                            file->passed_over().end());
  return config;
}

Result<HbConfig> read_hb_config(const std::string& path) {
  constexpr uint64_t largest_file_bytes = uint64_t{1} << 20;
  auto bytes = read_file(path, largest_file_bytes);
  if (!bytes) return bytes.error();
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  auto config = parse_hb_config(text);
  if (!config) return Error{config.error().kind, concat(quoted(path), " ", config.error().message)};
  return config;
}

}  // namespace octavo
