// The float half of open_model: only in the full build.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/model.h"
#include "onnx/import.h"

namespace octavo {

// Imports, rewrites and resolves the preprocessing of an ONNX file. External data is
// looked for beside `path`.
Result<Model> open_float_model(const std::string& path, std::span<const std::byte> bytes,
                               const ModelOptions& options);

// The same with what becomes of the file's nodes, which a file that makes no model has too.
struct FloatModelCheck {
  std::vector<ImportRow> rows;
  Result<Model> model;
};
Result<FloatModelCheck> check_float_model(const std::string& path, std::span<const std::byte> bytes,
                                          const ModelOptions& options);

Result<Classifier> float_classifier(const Model& model);

// What the rewritten graph is fed, from a tensor that the file's network would be fed.
void to_graph_input(const Model& model, std::span<float> values);

}  // namespace octavo
