// Data sets: which pictures, of which class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace octavo {

struct Sample {
  std::string path;  // readable as it is; for messages too
  int label = -1;    // -1: not known
  std::vector<std::byte> content;  // of a .tar's member; else empty and read from path
};

struct DataSetOptions {
  size_t limit = 0;      // 0: all; otherwise the first N (evaluation)
  int class_offset = 0;  // added to every label
  int classes = 0;       // a label outside [0, classes) is `rejected`, naming the line; 0: unchecked
  bool labels_needed = true;  // false for calibration: a plain folder will do
};

// A folder of class folders (sorted names are classes 0..), a folder with labels.txt
// or list.txt (`path class` lines, paths relative to the list), a list file, an
// ILSVRC layout, a .tar of either, or a plain folder. Order is deterministic.
Result<std::vector<Sample>> open_dataset(const std::string& path, const DataSetOptions& options);

// `count` of the samples, spread evenly over the classes, in a reproducible order.
std::vector<Sample> spread_samples(std::vector<Sample> samples, size_t count, uint64_t seed);

}  // namespace octavo
