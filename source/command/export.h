// What `octavo export` and `octavo build --export-qdq` share.
#pragma once

#include <string>
#include <vector>

#include "command/print.h"
#include "export/export.h"

namespace octavo::command {

struct WrittenExport {
  std::string path;
  size_t bytes = 0;
  std::string sha256;
};

// One sentence each, by name: what the file says less finely than the plan.
std::vector<std::string> notes_of_export(const OnnxExport& made);
Result<WrittenExport> write_export(const OnnxExport& made, const std::string& path, bool overwrite);
Json export_json(const OnnxExport& made, const WrittenExport& written);

}  // namespace octavo::command
