// The one input that a classifier is fed, its sizes made definite.
#pragma once

#include "onnx/import.h"
#include "onnx/model.h"

namespace octavo::onnx {

struct FileInput {
  Shape shape;         // as the file's nodes see it
  Shape fed;           // the graph's input: of four axes (or two)
  int64_t frames = 1;  // a fixed batch, where it is more than 1
  bool bytes = false;  // uint8
};

// A symbolic batch is 1 (a note says so), symbolic height and width come from the
// options, for [n, c, h, w] as for [n, h, w, c]. Three axes are a picture without a batch, or
// tokens [n, t, c].
Result<FileInput> file_input(const ValueInfoProto& input, const ImportOptions& options,
                             std::vector<std::string>& notes);

}  // namespace octavo::onnx
