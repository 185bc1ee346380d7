// The inputs that calibrate a network: which files can be read, and what each pass over them is
// fed.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/dataset.h"
#include "model/input.h"
#include "pipeline/build.h"

namespace octavo {

// Files that can be read; those that cannot are left out and named. Every file is read once to find
// out, so that later passes over the pictures cannot meet a surprise.
struct CheckedInputs {
  std::vector<Sample> samples;
  std::vector<std::string> digests;  // of their inputs
  std::vector<std::string> unreadable;
  std::string sha256;                 // over the digests of the inputs, in order
  size_t repeated = 0;                // files whose input is that of another before them
  std::vector<std::string> warnings;  // of inputs that calibrate: one sentence each
  int brightest = 0;                  // pixel of all
  bool synthetic = false;             // made, not read
  bool tensors = false;               // else pixels
};

// What options.calibration names, at most options.samples, spread over the classes; or made
// pictures, or the caller's. None where the file itself says how everything is stored.
Result<CheckedInputs> calibration_inputs(const Model& model, const BuildOptions& options);

// Reads the inputs for the passes, and finds out when one is no longer what it was when it was
// hashed: the plan would claim pictures that it was not made from. What is read is kept for the
// passes to come as far as 64 MiB go, and beyond them read anew for each. Any thread.
class InputFeed {
 public:
  // All three outlive it.
  InputFeed(const Model& model, const CheckedInputs& checked, const BuildOptions& options)
      : model_(model), checked_(checked), options_(options), kept_(checked.samples.size()) {}

  CalibrationFeed calibration();
  // Of each picture; those that are made are as many as are needed.
  size_t views() const;
  Result<NetworkInput> input(size_t i);
  // Whatever the passes made of it.
  Status unchanged() const;

 private:
  Result<NetworkInput> read(size_t i);
  std::shared_ptr<const NetworkInput> kept(size_t i) const;
  void keep(size_t i, const NetworkInput& input);

  const Model& model_;
  const CheckedInputs& checked_;
  const BuildOptions& options_;
  mutable std::mutex mutex_;  // of all below
  std::optional<Error> changed_;
  std::vector<std::shared_ptr<const NetworkInput>> kept_;  // by input
  size_t kept_bytes_ = 0;
};

}  // namespace octavo
