#include <algorithm>
#include <cmath>

#include "pipeline/hb_sections.h"

namespace octavo::hb {

namespace {

enum class HbType : uint8_t { rgb, bgr, yuv444, nv12, gray, feature_map };

Result<HbType> read_type(const Value& value, bool at_run_time) {
  auto text = value.one();
  if (!text) return text.error();
  if (text->empty()) return value.refuse("is needed: rgb, bgr, gray or featuremap");
  std::vector<std::pair<std::string, HbType>> known = {{"rgb", HbType::rgb},
                                                       {"bgr", HbType::bgr},
                                                       {"yuv444", HbType::yuv444},
                                                       {"gray", HbType::gray},
                                                       {"featuremap", HbType::feature_map}};
  if (at_run_time) known.push_back({"nv12", HbType::nv12});
  return one_of(value, *text, known);
}

bool converts(HbType from, HbType to) {
  if (from == HbType::nv12) return to == HbType::yuv444 || to == HbType::rgb || to == HbType::bgr;
  const auto is_color = [](HbType t) { return t == HbType::rgb || t == HbType::bgr; };
  return from == to || (is_color(from) && is_color(to));
}

Status read_types(const Sections& file, HbConfig& config) {
  const Value train = file.value("input_parameters", "input_type_train"),
              rt = file.value("input_parameters", "input_type_rt");
  auto trained = read_type(train, false);
  if (!trained) return trained.error();
  auto fed = read_type(rt, true);
  if (!fed) return fed.error();
  if (!converts(*fed, *trained)) {
    return rt.refuse(concat(quoted(trimmed(rt.node->text)), " cannot become input_type_train ",
                            quoted(trimmed(train.node->text)),
                            ": nv12 becomes yuv444, rgb or bgr, rgb and bgr each other, and any "
                            "type itself"));
  }
  if (*trained == HbType::yuv444) {
    return train.refuse("is yuv444; Octavo feeds networks rgb, bgr, gray or a featuremap");
  }
  config.feature_map = *trained == HbType::feature_map;
  config.nv12 = *fed == HbType::nv12;
  config.color = *trained == HbType::gray  ? ColorOrder::gray
                 : *trained == HbType::bgr ? ColorOrder::bgr
                                           : ColorOrder::rgb;
  const Value range = file.value("input_parameters", "input_space_and_range");
  auto text = range.one();
  if (!text) return text.error();
  if (text->empty()) return {};
  auto video = one_of<bool>(range, *text, {{"regular", false}, {"bt601_video", true}});
  if (!video) return video.error();
  config.video_range = *video;
  if (*video && !config.nv12) {
    return range.refuse("bt601_video is said of nv12 frames, and input_type_rt is not nv12");
  }
  return {};
}

Status read_layouts(const Sections& file, HbConfig& config) {
  for (const char* name : {"input_layout_train", "input_layout_rt"}) {
    const Value value = file.value("input_parameters", name);
    auto text = value.one();
    if (!text) return text.error();
    const bool train = std::string_view(name) == "input_layout_train";
    if (text->empty()) {
      if (train) return value.refuse("is needed: NCHW or NHWC");
      continue;
    }
    auto first = one_of<bool>(value, *text, {{"NCHW", true}, {"NHWC", false}});
    if (!first) return first.error();
    if (train) {
      config.channels_first = *first;
    } else {
      config.passed_over.push_back(value.name);
    }
  }
  return {};
}

int64_t channels_of(const HbConfig& config) {
  return config.color == ColorOrder::gray ? 1 : 3;
}

Status read_shape(const Sections& file, HbConfig& config) {
  const Value value = file.value("input_parameters", "input_shape");
  auto text = value.one();
  if (!text) return text.error();
  if (text->empty()) return {};
  std::vector<int64_t>& shape = config.input_shape;
  for (const std::string& part : split(*text, "x")) {
    const auto size = parse_number<int64_t>(part);
    if (!size || *size < 1 || *size > 1 << 20 || shape.size() == 6) {
      return value.refuse(concat("is ", quoted(*text), "; 1x3x224x224 is how a shape is written"));
    }
    shape.push_back(*size);
  }
  if (shape.front() != 1) {
    return value.refuse(
        concat("is ", quoted(*text), "; Octavo takes one picture at a time: 1x..."));
  }
  if (config.feature_map) return {};
  const size_t c = config.channels_first ? 1 : 3, h = config.channels_first ? 2 : 1;
  if (shape.size() != 4 || shape[c] != channels_of(config)) {
    return value.refuse(concat("is ", quoted(*text), ", which contradicts input_type_train and ",
                               "input_layout_train: ", channels_of(config), " channels, ",
                               config.channels_first ? "1xCxHxW" : "1xHxWxC"));
  }
  if (config.nv12 && (shape[h] % 2 != 0 || shape[h + 1] % 2 != 0)) {
    return value.refuse(
        concat("is ", quoted(*text), ", but input_type_rt nv12 needs even height and width"));
  }
  return {};
}

// One number for all channels, or one each.
Result<std::array<float, 3>> read_triple(const Value& value, const HbConfig& config, bool scale) {
  auto text = value.one();
  if (!text) return text.error();
  const std::vector<std::string> parts = split(*text, " ,\t");
  const auto count = static_cast<size_t>(channels_of(config));
  if (parts.size() != 1 && parts.size() != count) {
    return value.refuse(concat("has ", parts.size(), " numbers; one, or one for each of ", count,
                               " channels is expected"));
  }
  std::array<float, 3> out{};
  for (size_t c = 0; c < 3; ++c) {
    const std::string& part = parts[parts.size() == 1 ? 0 : std::min(c, parts.size() - 1)];
    const auto number = parse_number<double>(part);
    const bool good = number && std::isfinite(*number) &&
                      (scale ? *number >= 1e-6 && *number <= 1e6 : std::fabs(*number) <= 1e6);
    if (!good) {
      return value.refuse(concat("has ", quoted(part), "; ",
                                 scale ? "a factor from 1e-6 to 1e6" : "a number up to 1e6",
                                 " is expected"));
    }
    out[c] = static_cast<float>(*number);
    if (scale) out[c] = static_cast<float>(1.0 / *number);
  }
  return out;
}

Status read_normalization(const Sections& file, HbConfig& config) {
  const Value norm = file.value("input_parameters", "norm_type");
  const Value mean = file.value("input_parameters", "mean_value");
  const Value scale = file.value("input_parameters", "scale_value");
  auto text = norm.one();
  if (!text) return text.error();
  if (text->empty()) return norm.refuse("is needed: data_mean_and_scale, ..., or no_preprocess");
  using Pair = std::pair<bool, bool>;
  auto wanted = one_of<Pair>(norm, *text,
                             {{"data_mean_and_scale", {true, true}},
                              {"data_mean", {true, false}},
                              {"data_scale", {false, true}},
                              {"no_preprocess", {false, false}}});
  if (!wanted) return wanted.error();
  for (const auto& [value, needed] :
       {std::pair<const Value&, bool>{mean, wanted->first}, {scale, wanted->second}}) {
    auto given = value.one();
    if (!given) return given.error();
    if (needed && given->empty()) {
      return norm.refuse(concat(quoted(*text), " needs ", value.name));
    }
    if (!needed && !given->empty()) {
      return value.refuse(concat("contradicts norm_type ", quoted(*text), ", which leaves it out"));
    }
  }
  if (config.feature_map && (wanted->first || wanted->second)) {
    return norm.refuse(concat(quoted(*text),
                              " of a featuremap: Octavo feeds tensors as they are; "
                              "normalize the dumps and say no_preprocess"));
  }
  if (wanted->first) {
    auto values = read_triple(mean, config, false);
    if (!values) return values.error();
    config.mean = *values;
  }
  if (wanted->second) {
    auto values = read_triple(scale, config, true);
    if (!values) return values.error();
    config.std = *values;
  }
  return {};
}

}  // namespace

Status read_input(const Sections& file, HbConfig& config) {
  const Value name = file.value("input_parameters", "input_name");
  auto text = name.one();
  if (!text) return text.error();
  config.input_name = *text;
  const Value batch = file.value("input_parameters", "input_batch");
  auto count = batch.one();
  if (!count) return count.error();
  if (!count->empty()) {
    const auto number = parse_number<int>(*count);
    if (!number || *number < 1 || *number > 128) {
      return batch.refuse(concat("is ", quoted(*count), "; 1 to 128 is expected"));
    }
    config.passed_over.push_back(batch.name);
  }
  for (const auto read : {read_types, read_layouts, read_shape, read_normalization}) {
    if (const Status done = read(file, config); !done) return done;
  }
  return {};
}

}  // namespace octavo::hb
