// TensorProto to Constant: raw bytes, typed lists or external data; every float type
// widened to float32, every integer type to int64.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "onnx/model.h"
#include "onnx/value.h"

namespace octavo::onnx {

// Files beside the model that hold tensors, each read once. A location may not leave
// the model's folder: not absolute, no "..", no link that leads out.
class ExternalData {
 public:
  // Without a folder (a model that came from memory alone) every location is refused.
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}

  // Exactly `expected_bytes` bytes at the tensor's offset.
  Result<std::string_view> read(const TensorProto& tensor, uint64_t expected_bytes);

 private:
  Result<const std::vector<std::byte>*> file(const std::string& location);

  std::string folder_;
  std::map<std::string, std::vector<std::byte>> files_;
};

Result<Constant> decode_tensor(const TensorProto& tensor, ExternalData& external);

}  // namespace octavo::onnx
