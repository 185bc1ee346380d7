// Which node makes a value, which nodes the output needs, and in what order they can
// be looked at.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "onnx/model.h"

namespace octavo::onnx {

struct Order {
  std::vector<size_t> nodes;  // indices of the needed nodes, makers before readers
  // How often the needed nodes (and the output) read a value.
  std::unordered_map<std::string_view, size_t> readers;
};

// An Error for a value that two things make or that nothing makes, and for a cycle.
Result<Order> order_nodes(const GraphProto& graph, std::string_view output);

}  // namespace octavo::onnx
