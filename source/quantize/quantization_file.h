// A Quantization as bytes, with a field a pass and what was said of it: a build that differs in
// nothing that a pass reads takes it from there (build --quantization). The key says what it was
// made from, options and all; a reader compares that with its own before it believes any of it. Its
// bytes: kept_file.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/calibration_file.h"
#include "quantize/network.h"
#include "quantize/quantization.h"

namespace octavo {

struct KeptQuantization {
  CalibrationKey key;
  Quantization quantization;
  std::vector<std::string> warnings;  // of the calibration, of weights, of 16 bits
};

std::vector<std::byte> serialize_quantization(const KeptQuantization& kept);

// By its first bytes.
bool looks_like_quantization(std::span<const std::byte> bytes);
// `rejected` as deserialize_calibration, and where its plan is none that verify() takes. Whether
// its fields fit a network is for check_quantization to say.
Result<KeptQuantization> deserialize_quantization(std::span<const std::byte> bytes);

// `rejected` where a field has not as many entries as the network has tensors or steps, or these
// not as many as there are channels.
Status check_quantization(const Quantization& quantization, const StepNetwork& network);

}  // namespace octavo
