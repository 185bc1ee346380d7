// A camera frame of any description over any bytes: it is refused, or converted and
// preprocessed without a read outside its planes. The first 32 bytes describe the frame
// and the preprocessing; the planes are cut from the rest.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "image/image.h"

namespace {

using namespace octavo;

// Takes numbers off the front of the input.
struct Reader {
  std::span<const uint8_t> bytes;

  template <class Number>
  Number next() {
    Number number{};
    const size_t size = std::min(sizeof number, bytes.size());
    std::memcpy(&number, bytes.data(), size);
    bytes = bytes.subspan(size);
    return number;
  }
};

Preprocess read_preprocess(Reader& reader) {
  Preprocess how;
  how.height = 1 + reader.next<uint8_t>() % 64;
  how.width = 1 + reader.next<uint8_t>() % 64;
  how.resize_short = reader.next<uint8_t>();
  how.interpolation = static_cast<Interpolation>(reader.next<uint8_t>() % 3);
  how.color = static_cast<ColorOrder>(reader.next<uint8_t>() % 3);
  return how;
}

// Sizes and strides are mostly small and plausible, sometimes anything.
Frame read_frame(Reader& reader) {
  Frame frame;
  frame.format = static_cast<FrameFormat>(reader.next<uint8_t>() % 6);
  const uint8_t kind = reader.next<uint8_t>();
  frame.range = static_cast<YuvRange>(kind & 1);
  frame.matrix = static_cast<YuvMatrix>(kind >> 1 & 1);
  const bool wild = kind >= 240;
  frame.width = wild ? reader.next<int32_t>() : reader.next<uint8_t>();
  frame.height = wild ? reader.next<int32_t>() : reader.next<uint8_t>();
  std::array<size_t, 3> sizes{};
  for (size_t i = 0; i < 3; ++i) {
    frame.strides[i] = wild ? reader.next<int64_t>() : reader.next<uint16_t>() % 800;
    sizes[i] = reader.next<uint16_t>();
  }
  for (size_t i = 0; i < 3; ++i) {
    frame.planes[i] = reader.bytes.first(std::min(sizes[i], reader.bytes.size()));
    reader.bytes = reader.bytes.subspan(frame.planes[i].size());
  }
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)parse_source({reinterpret_cast<const char*>(data), std::min<size_t>(size, 64)});
  Reader reader{{data, size}};
  const Preprocess how = read_preprocess(reader);
  const Frame frame = read_frame(reader);
  std::vector<uint8_t> out(static_cast<size_t>(how.height) * static_cast<size_t>(how.width) *
                           static_cast<size_t>(how.channels()));
  const bool done = static_cast<bool>(preprocess(frame, how, out));
  const Result<Picture> whole = convert_frame(frame);
  if (!whole) {
    if (done || whole.error().message.empty()) std::abort();
    return 0;
  }
  // The rows that the crop needs give what the whole frame gives.
  std::vector<uint8_t> expected(out.size());
  if (static_cast<bool>(preprocess(*whole, how, expected)) != done) std::abort();
  if (done && out != expected) std::abort();
  return 0;
}
