// Any bytes as a picture: it decodes to something consistent, or is refused in one line.
// What decodes is preprocessed too. Small pictures only, to try many.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "image/decode.h"
#include "image/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace octavo;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  (void)decode_npy(bytes);
  constexpr int64_t most_pixels = int64_t{1} << 18;
  const Result<Picture> picture = image::decode_within(bytes, true, most_pixels);
  if (!picture) {
    if (picture.error().message.empty()) std::abort();
    return 0;
  }
  const auto pixels = int64_t{picture->width} * picture->height;
  if (pixels < 1 || pixels > most_pixels) std::abort();
  if (picture->pixels.size() != static_cast<size_t>(pixels) * 3) std::abort();

  Preprocess how;
  how.height = 24;
  how.width = 40;
  how.resize_short = 30;
  how.interpolation = static_cast<Interpolation>(size % 3);
  how.via_nv12 = size % 2 == 0;
  std::vector<uint8_t> out(static_cast<size_t>(how.height) * static_cast<size_t>(how.width) * 3);
  (void)preprocess(*picture, how, out);
  return 0;
}
