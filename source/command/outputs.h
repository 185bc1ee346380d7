// Files that a command writes, looked at before its work.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace octavo::command {

struct OutputFile {
  const char* flag;
  std::string path;  // "": none is asked for
  bool overwrite = false;
};

// A usage error where the output, or the file that stdout was redirected to, is one that the
// command reads: one of `inputs`, or in a folder among them a picture or a list.
Status check_not_read(const OutputFile& output, const std::vector<std::string>& inputs);
// That, and whether it can be written.
Status check_output_file(const OutputFile& output, const std::vector<std::string>& inputs);

}  // namespace octavo::command
