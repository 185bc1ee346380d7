#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "onnx/tensor_data.h"

namespace octavo::onnx {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t most_external_bytes = uint64_t{1} << 33;

Result<uint64_t> number_of(std::string_view key, std::string_view text) {
  const auto value = parse_number<uint64_t>(text);
  if (value) return *value;
  return rejected(concat("external data: ", key, " is ", quoted(text), ", expected a number"));
}

bool stays_inside(const fs::path& location) {
  if (location.empty() || location.is_absolute() || location.has_root_name()) return false;
  for (const fs::path& part : location) {
    if (part == "..") return false;
  }
  return true;
}

// Whether `file`, links resolved, lies in `folder` or below it.
bool is_below(const fs::path& file, const fs::path& folder) {
  auto part = file.begin();
  for (const fs::path& expected : folder) {
    if (part == file.end() || *part != expected) return false;
    ++part;
  }
  return true;
}

}  // namespace

Result<const std::vector<std::byte>*> ExternalData::file(const std::string& location) {
  const auto known = files_.find(location);
  if (known != files_.end()) return &known->second;
  const auto refuse = [&](std::string_view why) {
    return rejected(concat("external data ", quoted(location), " ", why));
  };
  if (folder_.empty()) return refuse("cannot be looked for: the model came without a folder");
  if (location.find('\0') != std::string::npos || !stays_inside(location)) {
    return refuse("must lie beside the model: no absolute path, no '..'");
  }
  std::error_code error;
  const fs::path folder = fs::canonical(folder_, error);
  if (error) return refuse(concat("cannot be found: ", error.message()));
  const fs::path path = fs::canonical(folder / location, error);
  if (error) return refuse(concat("cannot be read: ", error.message()));
  if (!is_below(path, folder)) return refuse("is a link that leads out of the model's folder");
  Result<std::vector<std::byte>> bytes = read_file(path.string(), most_external_bytes);
  if (!bytes) return rejected(concat("external data: ", bytes.error().message));
  return &files_.emplace(location, *std::move(bytes)).first->second;
}

Result<std::string_view> ExternalData::read(const TensorProto& tensor, uint64_t expected_bytes) {
  std::string location;
  uint64_t offset = 0;
  for (const auto& [key, value] : tensor.external_data) {
    if (key == "location") location = value;
    if (key != "offset" && key != "length") continue;
    const Result<uint64_t> number = number_of(key, value);
    if (!number) return number.error();
    if (key == "offset") offset = *number;
    if (key == "length" && *number != expected_bytes) {
      return rejected(
          concat("external data: length is ", *number, " bytes, the shape needs ", expected_bytes));
    }
  }
  const Result<const std::vector<std::byte>*> bytes = file(location);
  if (!bytes) return bytes.error();
  const uint64_t size = (*bytes)->size();
  if (offset > size || expected_bytes > size - offset) {
    return rejected(concat("external data ", quoted(location), " has ", size, " bytes, needs ",
                           expected_bytes, " from offset ", offset));
  }
  return std::string_view(reinterpret_cast<const char*>((*bytes)->data()) + offset, expected_bytes);
}

}  // namespace octavo::onnx
