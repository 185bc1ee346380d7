// A plan as an ONNX file that other runtimes read: float operators between pairs of QuantizeLinear
// and DequantizeLinear, int8 weights with a scale an output channel, int32 biases. The integers
// are the plan's own wherever a pair of one scale and one zero point can say them (storage.h);
// roundings between float operators are the other runtime's, so that logits come near the plan's
// and not to the bit.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace octavo {

struct ExportOptions {
  // 8-bit activations are int8 with zero point 0 and 16-bit ones float, as TensorRT reads; else
  // uint8 with a zero point, and int16 (opset 21), as ONNX Runtime and OpenVINO read.
  bool symmetric = false;
};

// A tensor whose steps in the file are coarser than the plan's.
struct CoarserTensor {
  std::string name;
  double factor = 1;  // the file's step in the plan's: of all channels, or their root mean square
};

struct OnnxExport {
  std::string bytes;  // of the file
  int64_t opset = 0;
  std::vector<std::string> equalized;  // tensors whose scales a channel went into the weights
  std::vector<CoarserTensor> coarser;
  std::vector<std::string> by_table;  // steps whose activation is written as a table of 65 knots
};

// The input of the file is float [1, c, h, w], as the network that the plan was built from had
// it: (pixel - mean) / std. The output is [1, classes] as `octavo classify
// --logits` writes it: the logits, or the sigmoids where these end the network. Preprocessing,
// labels and provenance are metadata. `rejected`, naming every step that ONNX cannot express.
Result<OnnxExport> export_onnx(const Plan& plan, const ExportOptions& options = {});

}  // namespace octavo
