// What a search for bounds had tried when it was interrupted, kept beside the plan that it was to
// write, so that `build --resume` goes on there.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "quantize/calibration_file.h"
#include "search/search.h"

namespace octavo {

struct SearchFile {
  std::string path;     // "": an interrupted search is lost
  bool resume = false;  // goes on with what is there
  bool write = true;
};

// OUT.octavo.search
std::string search_file_of(const std::string& plan_path);

// Before long work: that nothing of another kind has the name. It is never replaced.
Status check_search_file(const std::string& path);
// What the file keeps under the key.
Result<std::vector<FrontierPoint>> load_search(const std::string& path, const CalibrationKey& key);
Status save_search(const std::string& path, const CalibrationKey& key,
                   const std::vector<FrontierPoint>& tried);
// Of a search that has come to its end. A file of another kind stays.
void remove_search(const std::string& path);

}  // namespace octavo
