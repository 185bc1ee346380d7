#include "command/outputs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#ifndef OCTAVO_RUNTIME_ONLY
#include "evaluate/dataset.h"
#endif

namespace octavo::command {

namespace {

namespace fs = std::filesystem;

// A picture, a tensor or a list below the folder; an older result there is none.
bool is_read_from(const std::string& folder, const std::string& path) {
  std::error_code problem;
  if (!fs::is_directory(folder, problem)) return false;
  const fs::path inside = fs::canonical(folder, problem), file = fs::canonical(path, problem);
  if (problem) return false;  // it is not there
  const auto beyond = std::mismatch(inside.begin(), inside.end(), file.begin(), file.end()).first;
  if (beyond != inside.end()) return false;
#ifndef OCTAVO_RUNTIME_ONLY
  if (is_sample_file(file.string())) return true;
#endif
  return file.extension() == ".txt" || file.extension() == ".json";  // lists; rows of the zoo
}

bool stdout_is(const std::string& path) {
  struct stat out {
  }, input{};
  return ::fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode) &&
         ::stat(path.c_str(), &input) == 0 && out.st_dev == input.st_dev &&
         out.st_ino == input.st_ino;
}

}  // namespace

Status check_not_read(const OutputFile& output, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (input.empty()) continue;
    if (stdout_is(input)) {
      return usage_error(concat("standard output goes to ", quoted(input), ", which is read"));
    }
    if (output.path.empty()) continue;
    if (same_file(output.path, input) || is_read_from(input, output.path)) {
      return usage_error(concat(output.flag, " ", quoted(output.path),
                                " is a file that this command reads, and would be lost: name "
                                "another one"));
    }
  }
  return {};
}

Status check_output_file(const OutputFile& output, const std::vector<std::string>& inputs) {
  if (const Status other = check_not_read(output, inputs); !other) return other;
  if (output.path.empty()) return {};
  return check_writable(output.path, output.overwrite);
}

}  // namespace octavo::command
