// Names of nodes: as the file has them, made from what the exporter recorded where the
// file's name says nothing, and unique.
#pragma once

#include <string>
#include <unordered_map>

#include "onnx/model.h"

namespace octavo::onnx {

class NodeNames {
 public:
  // The name of the node that stands at `index` in the file.
  std::string name(const NodeProto& node, size_t index);

 private:
  std::unordered_map<std::string, size_t> taken_;  // and the next number to try
};

// "/stages/stages.1/blocks/blocks.2/xca/Softmax" from the module path that PyTorch's
// newer exporter keeps in a node's metadata, as its older one names nodes; "" if none.
std::string module_path(const NodeProto& node);

}  // namespace octavo::onnx
