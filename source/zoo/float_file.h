// Where a model's float file comes from: a folder, an index, or PyTorch through zoo/export.py.
#pragma once

#include <string>

#include "base/result.h"
#include "zoo/build.h"
#include "zoo/models.h"

namespace octavo::zoo {

struct FloatFile {
  std::string path;
  std::string from;     // "folder", "index" or "export"
  std::string weights;  // what the index or the file says that they are; ""
  std::string sha256;
  int64_t bytes = 0;
  bool states_preprocessing = false;
};

// The first of the sources that has it; an Error says why there is none.
Result<FloatFile> get_float_file(const Model& model, const BuildOptions& options);

// Whether one of the sources claims to have it; a pull or an export may still fail.
bool has_source(const Model& model, const BuildOptions& options);

// Of the weights that export.py makes up and of nothing else: such a file has no accuracy.
bool made_up(const std::string& weights);

// $OCTAVO_ZOO_PYTHON, else .venv-zoo/bin/python below the current folder; "" where neither is.
std::string default_python();
// zoo/export.py below the current folder, else in the source tree that `program` was built in.
std::string find_exporter(const std::string& program);

}  // namespace octavo::zoo
