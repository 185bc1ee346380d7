// The YAML file of hb_mapper, the RDK boards' converter, as a plain struct: every key read and
// checked, against its values and against the others. What is made of it: hb_options.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/input.h"
#include "pipeline/int16_names.h"
#include "plan/preprocess.h"

namespace octavo {

enum class HbCalibration : uint8_t { automatic, kl, max };

// optimization set_<Op>_input_int16, set_<Op>_output_int16.
struct HbOperatorPrecision {
  std::string op_type, where;
  bool inputs = false;  // else the output
};

struct HbConfig {
  // model_parameters
  std::string onnx_model, output_model_file_prefix, working_dir = "model_output";
  std::string output_node;           // "": the file's own output
  std::vector<NodePrecision> int16;  // node_info, set_node_data_type
  // input_parameters
  std::string input_name;                    // "": whatever the file's is
  bool feature_map = false;                  // fed tensors, not pictures
  ColorOrder color = ColorOrder::rgb;        // of input_type_train
  bool nv12 = false;                         // input_type_rt
  bool video_range = false;                  // input_space_and_range
  bool channels_first = true;                // input_layout_train
  std::vector<int64_t> input_shape;          // empty: the file's
  std::optional<std::array<float, 3>> mean;  // of the network's channels, in 0..255 units
  std::optional<std::array<float, 3>> std;   // 1 / scale_value
  // calibration_parameters
  std::string cal_data_dir;
  DumpType cal_data_type = DumpType::by_size;
  bool preprocess_on = false;
  HbCalibration calibration = HbCalibration::automatic;
  double max_percentile = 1;
  bool all_int16 = false;  // of `optimization`, as the next
  std::vector<HbOperatorPrecision> int16_operators;
  // Keys without a meaning here: "compiler_parameters.compile_mode", in the file's order.
  std::vector<std::string> passed_over;
  // What a reader of the file should know of keys that mean something else here.
  std::vector<std::string> notes;
};

// The Error, `rejected`, names key and line.
Result<HbConfig> parse_hb_config(std::string_view yaml);
// The same of a file, which the Error names too.
Result<HbConfig> read_hb_config(const std::string& path);

}  // namespace octavo
