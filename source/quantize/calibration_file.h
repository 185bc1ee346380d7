// Calibration as bytes: what the pictures told, kept from one build for the next. The key says what
// it was made from; a reader compares that with its own before it believes any of it.
// Its bytes: kept_file.h.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/calibrate.h"

namespace octavo {

// What a calibration depends on. `what` names it in a sentence ("model"), `value` is a digest or
// a few words.
struct CalibrationKeyPart {
  std::string what, value;
  bool operator==(const CalibrationKeyPart&) const = default;
};
using CalibrationKey = std::vector<CalibrationKeyPart>;

// "model and preprocessing": the parts in which they differ; "" where they are the same.
std::string differing_parts(const CalibrationKey& a, const CalibrationKey& b);

std::vector<std::byte> serialize_calibration(const CalibrationKey& key,
                                             const Calibration& calibration);

struct KeptCalibration {
  CalibrationKey key;
  Calibration calibration;
};
// By its first bytes.
bool looks_like_calibration(std::span<const std::byte> bytes);
// `rejected` where it is no calibration, of another format, damaged or cut short: no list is made
// room for that the rest of the bytes could not fill. Whether it fits a network is for
// check_calibration (calibrate.h) to say.
Result<KeptCalibration> deserialize_calibration(std::span<const std::byte> bytes);

}  // namespace octavo
