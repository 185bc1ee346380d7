// A calibration kept in a file, so that another method is tried without going over all pictures
// again, and a quantization, so that nothing is tried again at all. Either is believed where
// everything that it depends on is what it was.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"
#include "quantize/quantization_file.h"

namespace octavo {

struct CacheFile {
  std::string path;
  // Where the file keeps another one of its kind, or a damaged one: replaces it. Never a file of
  // another kind.
  bool overwrite = false;
  bool write = true;
};

struct CalibrationSource {
  std::string model_sha256;     // of the file
  std::string pictures_sha256;  // of all inputs, as they are fed
  std::vector<std::string> disabled_rewrites;
  bool pixels = true;  // what is fed
  size_t views = 1;    // of each picture
};
// Version, model (with what it was rewritten to, which data beside the file is a part of),
// preprocessing, pictures, and the processor, whose kernels round the float network's sums.
Result<CalibrationKey> calibration_key(const Model& model, const CalibrationSource& source);

// The same, and every option that a pass or a search for 16 bits reads.
CalibrationKey quantization_key(CalibrationKey calibration, const std::string& options);

// Before long work: whether the file can be written, and what is there replaced.
Status check_calibration_cache(const CacheFile& cache);
Status check_quantization_cache(const CacheFile& cache);
// What the file keeps under the key; null where there is no file, or one to be replaced: then
// `replaced` says what it was.
Result<std::shared_ptr<const Calibration>> load_calibration(const CacheFile& cache,
                                                            const CalibrationKey& key,
                                                            std::string& replaced);
Result<std::shared_ptr<const KeptQuantization>> load_quantization(const CacheFile& cache,
                                                                  const CalibrationKey& key,
                                                                  std::string& replaced);
Status save_calibration(const CacheFile& cache, const CalibrationKey& key,
                        const Calibration& calibration);
Status save_quantization(const CacheFile& cache, const KeptQuantization& kept);

}  // namespace octavo
