#include "command/answers.h"

#include "base/text.h"
#include "command/flags.h"
#include "model/labels.h"

namespace octavo::command {

void ScoreFlags::add(CLI::App& command, const std::string& of_what) {
  top_option = command.add_option("--top", top, "labels " + of_what)
                   ->check(whole_number(1, 1000000))
                   ->value("N")
                   ->with_default();
  command
      .add_option("--threshold", threshold,
                  "show every label whose score is at least this, and no other")
      ->check(real_number(0, 1))
      ->value("T");
}

std::vector<Score> ScoreFlags::shown(const Model& model, std::span<const float> logits) const {
  const bool all = threshold >= 0 && top_option->count() == 0;
  auto scores = top_scores(model.output_kind, logits, all ? model.classes : top);
  std::erase_if(scores, [&](const Score& score) { return score.score < threshold; });
  return scores;
}

void ColorFlags::add(CLI::App& command, const std::string& default_range,
                     const std::string& default_matrix) {
  command.add_option("--range", range, "of YUV frames")
      ->choices({"full", "video"})
      ->with_default(default_range);
  command.add_option("--matrix", matrix, "of YUV frames")
      ->choices({"bt601", "bt709"})
      ->with_default(default_matrix);
}

Result<std::optional<YuvRange>> ColorFlags::parse_range() const {
  if (range.empty()) return std::optional<YuvRange>();
  auto parsed =
      choose<YuvRange>("--range", range, {{"full", YuvRange::full}, {"video", YuvRange::video}});
  if (!parsed) return parsed.error();
  return std::optional(*parsed);
}

Result<std::optional<YuvMatrix>> ColorFlags::parse_matrix() const {
  if (matrix.empty()) return std::optional<YuvMatrix>();
  auto parsed = choose<YuvMatrix>("--matrix", matrix,
                                  {{"bt601", YuvMatrix::bt601}, {"bt709", YuvMatrix::bt709}});
  if (!parsed) return parsed.error();
  return std::optional(*parsed);
}

Status name_classes(Model& model, const std::string& labels, const Output& output) {
  if (!labels.empty()) {
    auto names = read_labels(labels, model.classes);
    if (!names) return names.error();
    model.labels = std::move(*names);
  }
  if (const auto hint = hint_at_names(model.labels.size(), model.classes); !hint.empty()) {
    note(output, hint);
  }
  return {};
}

std::string label_of(const Model& model, int index) {
  const auto i = static_cast<size_t>(index);
  return i < model.labels.size() ? model.labels[i] : concat("class ", index);
}

Json scores_json(const Model& model, const std::vector<Score>& scores) {
  Json out = Json::array();
  for (const Score& score : scores) {
    out.push_back(
        {{"index", score.index}, {"label", label_of(model, score.index)}, {"score", score.score}});
  }
  return out;
}

}  // namespace octavo::command
