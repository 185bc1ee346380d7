// Data sets: which pictures, of which class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace octavo {

struct Sample {
  std::string path;     // the file; of an archive's member "set.tar:folder/a.jpg"
  int label = -1;       // -1: not known
  std::string archive;  // if not empty, the bytes are [offset, offset + size) of this file
  uint64_t offset = 0, size = 0;
  std::string problem{};  // if not empty, why it cannot be read: a folder that cannot be listed
  std::optional<size_t> frame = std::nullopt;  // which input of an .npy that holds several
};

// The bytes of a picture. The Error names it.
Result<std::vector<std::byte>> read_sample(const Sample& sample);

struct DataSetOptions {
  size_t limit = 0;      // 0: all; otherwise the first N (evaluation)
  int class_offset = 0;  // added to every label
  int classes = 0;  // a label outside [0, classes) is `rejected`, naming the line; 0: unchecked
  // false for calibration: a plain folder will do, and labels only spread the choice of
  // pictures, so that none is refused
  bool labels_needed = true;
  std::function<void(const std::string&)> notice{};  // what is worth a word: an empty class folder
};

// One of these, the first that fits:
// - a list file: `path class` lines, paths relative to the list; where labels are not
//   needed, class -1 or none says that it is not known;
// - a folder with labels.txt or list.txt, such a list;
// - an ILSVRC layout: pictures in the folder or in val/ below it, and val.txt or
//   ILSVRC2012_val*.txt (`path class` lines, or a class a line for the sorted pictures);
//   or val/ with class folders (for calibration train/, where there is one);
// - class folders: sorted by name they are the classes 0.., and where every name is a
//   number, that number is the class;
// - where labels are not needed, a plain folder;
// - an uncompressed .tar of any of these; its members are read where they lie.
// Files are pictures or tensors by their extension; hidden ones do not count. The order
// is that of the list, else by path. Folders are entered once, however many links lead there. A
// folder that cannot be listed is one sample, which cannot be read and is told by its reader;
// so is a file of a list that is missing. A pipe or a device is `rejected`, never waited for.
// Errors: nothing to read; a label that is missing, no number, or outside the classes, naming file
// and line.
Result<std::vector<Sample>> open_dataset(const std::string& path, const DataSetOptions& options);

// Whether a folder's file counts: by its extension.
bool is_sample_file(std::string_view path);

// `count` of the samples, spread evenly over the classes; the same for the same seed.
// Any first part of the answer is spread evenly too. Those with a problem come last, all of them.
std::vector<Sample> spread_samples(std::vector<Sample> samples, size_t count, uint64_t seed);

}  // namespace octavo
