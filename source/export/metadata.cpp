#include "export/metadata.h"

#include <algorithm>

#include "base/text.h"
#include "plan/preprocess_words.h"

namespace octavo {

namespace {

std::string listed(const std::array<float, 3>& values, int32_t count) {
  std::string out;
  for (int32_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += concat(values[static_cast<size_t>(i)]);
  }
  return out;
}

std::string json_array(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += concat("\"", json_escaped(text), "\"");
  }
  return out + "]";
}

void add_preprocess(onnx_file::Writer& writer, const Preprocess& how) {
  writer.add_metadata("octavo.mean", listed(how.mean, how.channels()));
  writer.add_metadata("octavo.std", listed(how.std, how.channels()));
  writer.add_metadata("octavo.resize", concat(how.resize_short));
  if (how.squashes()) {
    writer.add_metadata("octavo.resize_exact",
                        concat(how.resize_exact[0], ",", how.resize_exact[1]));
  }
  writer.add_metadata("octavo.interpolation", word_of(how.interpolation, interpolation_words));
  writer.add_metadata("octavo.color", word_of(how.color, color_words));
  if (how.exif_rotate) writer.add_metadata("octavo.exif_rotate", "1");
  if (how.via_nv12) writer.add_metadata("octavo.via", "nv12");
}

}  // namespace

void add_metadata(onnx_file::Writer& writer, const Plan& plan) {
  if (plan.picture_input) add_preprocess(writer, plan.preprocess);
  writer.add_metadata("octavo.output_kind", output_kind_name(plan.output_kind));
  if (plan.softmax_removed) writer.add_metadata("octavo.softmax_removed", "1");
  if (!plan.labels.empty()) writer.add_metadata("octavo.labels", json_array(plan.labels));
  const Provenance& from = plan.provenance;
  writer.add_metadata("octavo.version", from.tool_version);
  writer.add_metadata("octavo.model_sha256", from.model_sha256);
  writer.add_metadata("octavo.calibration_sha256", from.calibration_sha256);
  writer.add_metadata("octavo.calibration_pictures", concat(from.calibration_pictures));
  writer.add_metadata("octavo.options", from.options);
}

}  // namespace octavo
