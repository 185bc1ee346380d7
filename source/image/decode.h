// Inside source/image: one function a file format, and what they share. Every decoder
// gives RGB, checks sizes before it allocates, and may be handed any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "image/image.h"

namespace octavo::image {

using Bytes = std::span<const std::byte>;

constexpr int64_t most_pixels = int64_t{1} << 28;
// Of the tensor that preprocessing makes, and of the short side before the crop.
constexpr int32_t longest_input_side = 1 << 14;

// decode_picture with a bound of its own on the number of pixels, for callers that
// must stay small.
Result<Picture> decode_within(Bytes bytes, bool exif_rotate, int64_t most);

// An RGB picture of zeros, or an Error where the size is not in 1..most pixels.
Result<Picture> new_picture(int64_t width, int64_t height, int64_t most);

Result<Picture> decode_jpeg(Bytes bytes, int64_t most);
Result<Picture> decode_png(Bytes bytes, int64_t most);
Result<Picture> decode_webp(Bytes bytes, int64_t most);
Result<Picture> decode_bmp(Bytes bytes, int64_t most);
Result<Picture> decode_ppm(Bytes bytes, int64_t most);

inline uint32_t byte_at(Bytes bytes, size_t offset) {
  return std::to_integer<uint32_t>(bytes[offset]);
}
inline uint32_t little16(Bytes bytes, size_t offset) {
  return byte_at(bytes, offset) | byte_at(bytes, offset + 1) << 8;
}
inline uint32_t little32(Bytes bytes, size_t offset) {
  return little16(bytes, offset) | little16(bytes, offset + 2) << 16;
}
inline uint32_t big16(Bytes bytes, size_t offset) {
  return byte_at(bytes, offset) << 8 | byte_at(bytes, offset + 1);
}
inline uint32_t big32(Bytes bytes, size_t offset) {
  return big16(bytes, offset) << 16 | big16(bytes, offset + 2);
}

}  // namespace octavo::image
