// ONNX to Graph. A file is hostile until checked: every size is bounded before it is
// allocated, external data lies only beside the model, folding has a budget.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace octavo {

struct ImportOptions {
  std::optional<std::array<int, 2>> size;  // height, width, where the file leaves them symbolic
  // The graph ends in the output, node (its first output) or value of this name; "": in the one
  // output that the file has.
  std::string output_node;
};

struct Import {
  Graph graph;                     // verified; input as the file has it (NCHW or NHWC)
  bool byte_input = false;         // the file's input is uint8: pixels enter as they are
  std::vector<std::string> notes;  // what was assumed, e.g. "symbolic batch taken as 1"
};

// A row of `octavo check`: one node of the file.
struct ImportRow {
  std::string name, op_type;
  std::string becomes;  // IR operator, "folded", or "unsupported: why"
};

struct ImportCheck {
  std::vector<ImportRow> rows;  // a row a node of the file, in its order
  Result<Import> import;        // what import_onnx gives of the same file
};

// All unsupported nodes are named at once in the Error.
Result<Import> import_onnx(const std::string& path, const ImportOptions& options = {});
// The same from memory; external data is looked for in `folder` (none if empty).
Result<Import> import_onnx(std::span<const std::byte> bytes, const std::string& folder,
                           const ImportOptions& options = {});
// The same with its rows, which a model that cannot be imported has too. An Error only where there
// are none: the file is wrong as a whole.
Result<ImportCheck> check_onnx(std::span<const std::byte> bytes, const std::string& folder,
                               const ImportOptions& options = {});

}  // namespace octavo
