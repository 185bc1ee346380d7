#include "pipeline/hb_sections.h"

namespace octavo::hb {

namespace {

Status read_method(const Sections& file, HbConfig& config) {
  const Value type = file.value("calibration_parameters", "calibration_type");
  const Value percentile = file.value("calibration_parameters", "max_percentile");
  auto text = type.text();
  if (!text) return text.error();
  if (text->empty()) return type.refuse("is needed: default, mix, kl or max");
  if (*text == "skip") {
    return type.refuse(
        "'skip' calibrates with noise; Octavo needs pictures: calibration_type default and "
        "cal_data_dir");
  }
  if (*text == "load") {
    return type.refuse(
        "'load' takes ranges that training left in the model; give octavo build that model "
        "without a configuration, or calibration_type default and cal_data_dir");
  }
  auto method = one_of<HbCalibration>(type, *text,
                                      {{"default", HbCalibration::automatic},
                                       {"mix", HbCalibration::automatic},
                                       {"kl", HbCalibration::kl},
                                       {"max", HbCalibration::max}});
  if (!method) return method.error();
  config.calibration = *method;
  auto share = percentile.text();
  if (!share) return share.error();
  if (share->empty()) return {};
  const auto number = parse_number<double>(*share);
  if (!number || !(*number > 0.5 && *number <= 1)) {
    return percentile.refuse(concat("is ", quoted(*share), "; above 0.5, up to 1 is expected"));
  }
  config.max_percentile = *number;
  if (*method != HbCalibration::max && *number != 1) {
    config.max_percentile = 1;
    config.notes.push_back(concat(percentile.name, " is for calibration_type max; passed over"));
  }
  return {};
}

// set_model_output_int16, set_all_nodes_int16, set_<Op>_input_int8, ...
Status read_optimization(const Sections& file, HbConfig& config) {
  const Value value = file.value("calibration_parameters", "optimization");
  auto listed = value.list();
  if (!listed) return listed.error();
  const std::vector<std::string> known = {"set_model_output_int8",   "set_model_output_int16",
                                          "set_all_nodes_int16",     "set_Softmax_input_int8",
                                          "set_Softmax_output_int8", "set_Conv_input_int16",
                                          "set_Conv_output_int16"};
  for (const std::string& word : *listed) {
    if (word == "set_all_nodes_int16") {
      config.all_int16 = true;
      continue;
    }
    if (word == known[0] || word == known[1]) {
      config.notes.push_back(
          concat(value.name, " ", word, ": logits are always float32, finer than either"));
      continue;
    }
    const auto parts = split(word, "_");
    const bool sides = parts.size() == 4 && parts[0] == "set" && parts[1] != "all" &&
                       (parts[2] == "input" || parts[2] == "output") &&
                       (parts[3] == "int8" || parts[3] == "int16");
    if (!sides) {
      return value.refuse(concat("has ", quoted(word), nearest_text(word, known)));
    }
    if (parts[3] == "int16") {
      config.int16_operators.push_back({parts[1], value.where(), parts[2] == "input"});
    } else {
      config.notes.push_back(
          concat(value.name, " ", word,
                 ": passed over; 8 bits are given wherever 16 are not clearly better"));
    }
  }
  return {};
}

}  // namespace

Status read_calibration(const Sections& file, HbConfig& config) {
  const auto value = [&](const char* name) { return file.value("calibration_parameters", name); };
  auto folder = value("cal_data_dir").one();
  if (!folder) return folder.error();
  config.cal_data_dir = *folder;
  auto type = value("cal_data_type").one();
  if (!type) return type.error();
  if (!type->empty()) {
    auto known = one_of<DumpType>(value("cal_data_type"), *type,
                                  {{"float32", DumpType::float32}, {"uint8", DumpType::uint8}});
    if (!known) return known.error();
    config.cal_data_type = *known;
  }
  auto pictures = value("preprocess_on").boolean(false);
  if (!pictures) return pictures.error();
  config.preprocess_on = *pictures;
  if (config.preprocess_on && config.feature_map) {
    return value("preprocess_on").refuse("reads pictures, and input_type_train is featuremap");
  }
  if (config.preprocess_on && value("cal_data_type").is_set()) {
    config.notes.push_back(
        concat(value("cal_data_type").name, " is for dumps; preprocess_on reads pictures"));
  }
  auto channels = value("per_channel").boolean(false);
  if (!channels) return channels.error();
  if (value("per_channel").is_set()) {
    // hb_mapper means feature maps by it; its weights have a scale a channel in any case.
    config.notes.push_back(concat(value("per_channel").name,
                                  " is about feature maps, whose scales Octavo chooses itself; "
                                  "weights have one a channel, --per-tensor changes that"));
  }
  if (const Status read = read_method(file, config); !read) return read;
  return read_optimization(file, config);
}

}  // namespace octavo::hb
