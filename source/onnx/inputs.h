// The one input that a classifier is fed, its sizes made definite.
#pragma once

#include "onnx/import.h"
#include "onnx/model.h"

namespace octavo::onnx {

// A symbolic batch is 1 (a note says so), symbolic height and width come from the
// options, for [n, c, h, w] as for [n, h, w, c].
Result<Shape> input_shape(const ValueInfoProto& input, const ImportOptions& options,
                          std::vector<std::string>& notes);

}  // namespace octavo::onnx
