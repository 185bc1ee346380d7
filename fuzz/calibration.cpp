// Any bytes as a kept calibration.
#include "quantize/calibration_file.h"

#include "kept_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  octavo::fuzz::check_kept_file(std::as_bytes(std::span(data, size)),
                                octavo::deserialize_calibration,
                                [](const octavo::KeptCalibration& kept) {
                                  return octavo::serialize_calibration(kept.key, kept.calibration);
                                });
  return 0;
}
