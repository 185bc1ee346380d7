// Shows single functions of source/image to tests/image/test_*.py, which compare them
// with Pillow. Each request is one line on stdin, its words separated by tabs; each
// answer is one line on stdout: "ok" or the error. Results are raw files:
// width, height, channels as little-endian int32, then the pixels.
//
//   decode IN OUT [exif]
//   resize IN WIDTH HEIGHT bilinear|bicubic|nearest OUT
//   nv12 IN OUT
//   preprocess IN HEIGHT WIDTH SHORT bilinear|bicubic|nearest rgb|bgr|gray OUT
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>

#include "base/file.h"
#include "image/image.h"

namespace {

using namespace octavo;
using Words = std::vector<std::string>;

Status save(const std::string& path, int32_t width, int32_t height, int32_t channels,
            const std::vector<uint8_t>& pixels) {
  const int32_t header[3] = {width, height, channels};
  std::vector<std::byte> bytes(sizeof header + pixels.size());
  std::memcpy(bytes.data(), header, sizeof header);
  if (!pixels.empty()) std::memcpy(bytes.data() + sizeof header, pixels.data(), pixels.size());
  return write_file(path, bytes, true);
}

Status save(const std::string& path, const Picture& picture) {
  return save(path, picture.width, picture.height, picture.channels, picture.pixels);
}

Interpolation interpolation(const std::string& name) {
  return std::map<std::string, Interpolation>{{"bilinear", Interpolation::bilinear},
                                              {"bicubic", Interpolation::bicubic},
                                              {"nearest", Interpolation::nearest}}
      .at(name);
}

Status preprocess_file(const Words& words) {
  Preprocess how;
  how.height = std::stoi(words.at(2));
  how.width = std::stoi(words.at(3));
  how.resize_short = std::stoi(words.at(4));
  how.interpolation = interpolation(words.at(5));
  how.color =
      std::map<std::string, ColorOrder>{
          {"rgb", ColorOrder::rgb}, {"bgr", ColorOrder::bgr}, {"gray", ColorOrder::gray}}
          .at(words.at(6));
  const Result<PictureSource> source = parse_source(words.at(1));
  if (!source) return source.error();
  const Result<InputPixels> input = load_input(*source, how);
  if (!input) return input.error();
  return save(words.at(7), how.width, how.height, how.channels(), input->pixels);
}

Status answer(const Words& words) {
  if (words.at(0) == "preprocess") return preprocess_file(words);
  const Result<std::vector<std::byte>> bytes = read_file(words.at(1), uint64_t{1} << 31);
  if (!bytes) return bytes.error();
  const Result<Picture> picture = decode_picture(*bytes, words.back() == "exif");
  if (!picture) return picture.error();
  if (words[0] == "decode") return save(words.at(2), *picture);
  if (words[0] == "nv12") return save(words.at(2), through_nv12(*picture));
  if (words[0] == "resize") {
    return save(words.at(5), resize(*picture, std::stoi(words.at(2)), std::stoi(words.at(3)),
                                    interpolation(words.at(4))));
  }
  return usage_error("unknown request " + words[0]);
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    Words words;
    std::istringstream stream(line);
    for (std::string word; std::getline(stream, word, '\t');) words.push_back(word);
    const Status status = words.empty() ? usage_error("an empty request") : answer(words);
    std::cout << (status ? "ok" : status.error().message) << std::endl;
  }
  return 0;
}
