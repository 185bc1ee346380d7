// Inside source/pipeline: one reader a section of hb_mapper's YAML.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

#include "pipeline/hb_config.h"
#include "pipeline/hb_keys.h"

namespace octavo::hb {

Status read_model(const Sections& file, HbConfig& config);
Status read_input(const Sections& file, HbConfig& config);
Status read_calibration(const Sections& file, HbConfig& config);

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace octavo::hb
