// One small picture of each kind for fuzz_picture to begin with, and a .npy array.
#include <string>

#include "base/file.h"
#include "image/image.h"
#include "image/sample_files.h"

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return 2;
  const std::string folder = std::string(arguments[1]) + "/";
  for (const octavo::test::SampleFile& file : octavo::test::sample_files) {
    const auto bytes = std::as_bytes(file.bytes);
    if (!octavo::write_file(folder + std::string(file.name), bytes, true)) return 1;
  }
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto npy = octavo::encode_npy(std::vector<int64_t>{2, 3}, values);
  return octavo::write_file(folder + "npy", npy, true) ? 0 : 1;
}
