// What classify and stream share: how many labels of an answer are shown, their names, and the
// colours that raw frames are meant in.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "command/command.h"
#include "command/print.h"
#include "image/image.h"
#include "model/model.h"

namespace octavo::command {

// --top, --threshold.
struct ScoreFlags {
  int top = 5;
  double threshold = -1;  // below 0: not asked for
  const CLI::Option* top_option = nullptr;

  void add(CLI::App& command, const std::string& of_what);
  // The best, and of these, where a threshold is given, those that reach it.
  std::vector<Score> shown(const Model& model, std::span<const float> logits) const;
};

// --range, --matrix of YUV frames: nothing where they are not given.
struct ColorFlags {
  std::string range, matrix;

  void add(CLI::App& command, const std::string& default_range, const std::string& default_matrix);
  Result<std::optional<YuvRange>> parse_range() const;
  Result<std::optional<YuvMatrix>> parse_matrix() const;
};

// Gives the model the names of --labels, if that is given; a hint where it then has none.
Status name_classes(Model& model, const std::string& labels, const Output& output);
std::string label_of(const Model& model, int index);
// [{"index": ..., "label": ..., "score": ...}, ...].
Json scores_json(const Model& model, const std::vector<Score>& scores);

}  // namespace octavo::command
